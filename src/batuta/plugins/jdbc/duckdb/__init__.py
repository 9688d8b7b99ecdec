"""Tasks and triggers about DuckDB."""

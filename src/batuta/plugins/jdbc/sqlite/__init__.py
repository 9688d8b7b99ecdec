"""Tasks and triggers about SQLite."""

"""Tasks and triggers about PostgreSQL."""

"""Tasks and triggers about MySQL."""

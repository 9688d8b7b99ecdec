"""SQL tasks and triggers, one folder per database."""

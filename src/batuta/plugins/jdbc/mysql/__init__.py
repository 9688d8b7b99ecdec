"""Tasks and triggers about MySQL and MariaDB."""

"""Tasks and triggers about MariaDB: those about MySQL, with addresses of their own."""

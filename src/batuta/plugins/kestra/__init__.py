"""Tasks that manage a server: this one, or another one through its REST API."""

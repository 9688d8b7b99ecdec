"""Namespaces of a server."""

"""Flows of a server."""

"""Logs of a server."""

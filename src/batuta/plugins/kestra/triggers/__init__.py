"""Triggers of a server."""

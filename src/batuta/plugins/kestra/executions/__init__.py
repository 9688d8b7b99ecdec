"""Executions of a server."""

"""Executions that a trigger starts."""

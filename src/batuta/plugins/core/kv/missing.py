"""What is said of a key that does not exist."""

from __future__ import annotations


def missing(key: str, namespace: str) -> str:
    """The sentence of a task that must not go on without the key."""
    return f"No value found for key '{key}' in namespace '{namespace}' and `errorOnMissing` is set to true"

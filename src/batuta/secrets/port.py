"""Secrets: values that are never shown."""

from __future__ import annotations

from typing import Protocol


class Secrets(Protocol):
    """Where secret values come from."""

    async def get(self, namespace: str, key: str) -> str | None:
        """The value for a namespace, or None when there is none."""

    async def keys(self, namespace: str) -> list[str]:
        """Names of all secrets that the namespace can use, sorted; never the values."""

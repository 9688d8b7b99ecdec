"""Secrets: values that are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class SecretName(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told of a secret."""

    key: str
    namespace: str | None = None
    """Whose it is, with the namespaces below; None for one of the environment, which all can use."""
    description: str | None = None
    tags: dict[str, str] = {}


class Secrets(Protocol):
    """Where secret values come from. Keys do not depend on case."""

    async def get(self, namespace: str, key: str) -> str | None:
        """The value for a namespace, or None when there is none.

        Raises:
            OperatorError: there is one, and the key it was encrypted with is gone.
        """

    async def keys(self, namespace: str) -> list[str]:
        """Names of all secrets that the namespace can use, sorted; never the values."""

    async def names(self) -> list[SecretName]:
        """All secrets: those of namespaces by namespace and key, then those of the environment."""

    async def put(
        self,
        namespace: str,
        key: str,
        value: str | None,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Set a secret of a namespace. Without a value that of the present one stays.

        Raises:
            InvalidRequest: the key is none.
            NotFound: there is no value, and no present one.
        """

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove a secret of a namespace; False when there was none."""

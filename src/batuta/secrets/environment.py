"""Secrets from environment variables `SECRET_<KEY>` that hold base64 (stores spec §A14)."""

from __future__ import annotations

import base64
import binascii
import logging
import os
from collections.abc import Mapping

from batuta.errors import Conflict
from batuta.secrets.port import SecretName

PREFIX = "SECRET_"

log = logging.getLogger(__name__)


class EnvironmentSecrets:
    """Reads the environment once. Every namespace sees every secret, and names do not depend on case."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._values: dict[str, str] = {}
        for name, encoded in environment.items():
            if name.upper().startswith(PREFIX) and len(name) > len(PREFIX):
                value = _decoded(encoded)
                if value is None:
                    log.error("secret is not base64 of text and is left out", extra={"variable": name})
                else:
                    self._values[name[len(PREFIX) :].upper()] = value

    async def get(self, namespace: str, key: str) -> str | None:
        """The value, or None when there is none."""
        return self._values.get(key.upper())

    async def keys(self, namespace: str) -> list[str]:
        """Names of all secrets, sorted."""
        return sorted(self._values)

    async def names(self) -> list[SecretName]:
        """All secrets."""
        return [SecretName(key=key) for key in sorted(self._values)]

    async def put(
        self,
        namespace: str,
        key: str,
        value: str | None,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse: nobody can change the environment of a process."""
        raise Conflict("Secrets of the environment cannot be changed here")

    async def delete(self, namespace: str, key: str) -> bool:
        """Refuse in the same way."""
        raise Conflict("Secrets of the environment cannot be changed here")


def _decoded(encoded: str) -> str | None:
    """The text, or None. Tools wrap base64 at 76 characters, so line breaks are let through."""
    try:
        return base64.b64decode("".join(encoded.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None

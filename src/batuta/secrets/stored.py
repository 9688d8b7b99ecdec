"""Secrets of namespaces, kept encrypted in the store, and behind them those of the environment (spec §A14).

A namespace sees its own secrets, then those of its parents, the nearest first, then the environment's. Each
value is encrypted together with its namespace and key, so that nobody can put one row in place of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from batuta.clock import Clock
from batuta.errors import InvalidRequest, NotFound
from batuta.model.records import StoredSecret
from batuta.secrets.cipher import Cipher
from batuta.secrets.environment import EnvironmentSecrets
from batuta.secrets.port import SecretName

MOST_VALUE_BYTES = 1024 * 1024
_replace = msgspec.structs.replace
_KEY = re.compile(r"[A-Z0-9][A-Z0-9._-]*")
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Rows(Protocol):
    """Where ciphertext is kept; see `store.port.SecretValues`."""

    async def get(self, namespace: str, key: str) -> StoredSecret | None:
        """One secret."""

    async def put(self, *secrets: StoredSecret) -> None:
        """Write secrets."""

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove one."""

    async def all(self) -> list[StoredSecret]:
        """Every secret."""


class StoredSecrets:
    """See `batuta.secrets.port.Secrets`."""

    def __init__(self, rows: Rows, environment: EnvironmentSecrets, cipher: Cipher, clock: Clock) -> None:
        self._rows = rows
        self._environment = environment
        self._cipher = cipher
        self._clock = clock

    async def get(self, namespace: str, key: str) -> str | None:
        """The value that is nearest to a namespace."""
        for place in lineage(namespace):
            found = await self._rows.get(place, key.upper())
            if found is not None:
                return self._cipher.open(found.value, bound_to(found))
        return await self._environment.get(namespace, key)

    async def keys(self, namespace: str) -> list[str]:
        """Names of all secrets that the namespace can use, sorted."""
        places = set(lineage(namespace))
        own = {each.key for each in await self._rows.all() if each.namespace in places}
        return sorted(own.union(await self._environment.keys(namespace)))

    async def names(self) -> list[SecretName]:
        """All secrets, those of the environment last."""
        stored = [
            SecretName(key=each.key, namespace=each.namespace, description=each.description, tags=each.tags)
            for each in await self._rows.all()
        ]
        return stored + await self._environment.names()

    async def put(
        self,
        namespace: str,
        key: str,
        value: str | None,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Set a secret; what is None stays as it is."""
        key = checked(namespace, key)
        present = await self._rows.get(namespace, key)
        if value is None and present is None:
            raise NotFound(f"There is no secret `{key}` in the namespace `{namespace}`")
        if value is not None and len(value.encode()) > MOST_VALUE_BYTES:
            raise InvalidRequest(
                f"the value has more than {MOST_VALUE_BYTES} bytes", where="value", mend="keep it in a file"
            )
        secret = StoredSecret(
            namespace=namespace,
            key=key,
            value="",
            updated_at=self._clock.now(),
            description=description if description is not None or present is None else present.description,
            tags=dict(tags) if tags is not None else {} if present is None else present.tags,
        )
        if value is None and present is not None:
            sealed = present.value
        else:
            sealed = self._cipher.seal(value or "", bound_to(secret))
        await self._rows.put(_replace(secret, value=sealed))

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove a secret; False when there was none."""
        return await self._rows.delete(namespace, key.upper())

    async def encrypt_anew(self) -> int:
        """Encrypt every secret with the newest key; how many there are.

        Raises:
            OperatorError: one cannot be read, and nothing was written.
        """
        every = await self._rows.all()
        anew = []
        for each in every:
            value = self._cipher.open(each.value, bound_to(each))
            anew.append(_replace(each, value=self._cipher.seal(value, bound_to(each))))
        if anew:
            await self._rows.put(*anew)
        return len(anew)


def lineage(namespace: str) -> Iterator[str]:
    """A namespace and its parents, nearest first."""
    while namespace:
        yield namespace
        namespace = namespace.rpartition(".")[0]


def checked(namespace: str, key: str) -> str:
    """The key as it is kept.

    Raises:
        InvalidRequest: the namespace or the key is none.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise InvalidRequest(
            f"`{namespace}` is not a namespace", where="namespace", mend="lower-case words joined by dots"
        )
    if not _KEY.fullmatch(key.upper()):
        raise InvalidRequest(
            f"`{key}` is not a key of a secret",
            where="key",
            mend="a letter or digit, then also `.`, `_` and `-`",
        )
    return key.upper()


def bound_to(secret: StoredSecret) -> str:
    """What a value is encrypted together with."""
    return f"secret/{secret.namespace}/{secret.key}"

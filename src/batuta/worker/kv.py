"""The key-value store as tasks see it (triggers-and-stores spec A13)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from batuta import iso8601
from batuta.clock import Clock
from batuta.errors import TaskError
from batuta.model import sealed
from batuta.model.records import KvEntry, KvType, KvVersion
from batuta.store.port import Kv
from batuta.worker.secrecy import Secrecy

_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_DURATION = re.compile(r"P(?=\d|T\d)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


class NamespaceKv:
    """Entries of a namespace and, for reading, of its parents."""

    def __init__(self, store: Kv, clock: Clock, namespace: str, secrecy: Secrecy) -> None:
        self._store = store
        self._clock = clock
        self._namespace = namespace
        self._secrecy = secrecy

    async def get(self, key: str, namespace: str | None = None) -> Any:
        """The value; the own namespace's parents are looked in too. None when there is none or it expired."""
        place = namespace or self._namespace
        inherits = place == self._namespace
        while place:
            entry = await self._store.get(place, key)
            if entry is not None and not self._is_expired(entry):
                value = self._secrecy.opened(entry.value)
                if value is not entry.value:
                    self._secrecy.add(sealed.texts(entry.value, value))
                return value
            place = place.rpartition(".")[0] if inherits else ""
        return None

    async def put(
        self,
        key: str,
        value: Any,
        *,
        namespace: str | None = None,
        type: str | None = None,
        ttl: timedelta | None = None,
        overwrite: bool = True,
        description: str | None = None,
    ) -> None:
        """Set a key; see `plugin.context.KvStore`."""
        if not _KEY.fullmatch(key):
            raise TaskError(
                f"`{key}` is not a key",
                mend="Key must start with an alphanumeric character; then also `.`, `_` and `-`",
            )
        if ttl is not None and ttl < timedelta():
            raise TaskError(f"ttl: must not be negative, but is {iso8601.format_duration(ttl)}")
        kind, plain = typed(value, KvType(type) if type else None)
        now = self._clock.now()
        entry = KvEntry(
            namespace=namespace or self._namespace,
            key=key,
            type=kind,
            value=self._secrecy.sealed(plain),
            created_at=now,
            updated_at=now,
            expires_at=None if ttl is None else now + ttl,
            description=None if description is None else self._secrecy.mask(description),
        )
        if not await self._store.put(entry, overwrite=overwrite):
            raise TaskError(
                f"Cannot set value for key '{key}'. Key already exists and `overwrite` is set to `false`."
            )

    async def delete(self, key: str, namespace: str | None = None) -> bool:
        """Remove a key; False when there was none."""
        return await self._store.delete(namespace or self._namespace, key)

    async def keys(self, prefix: str = "", namespace: str | None = None) -> list[str]:
        """Live keys of exactly this namespace that begin with `prefix`, sorted."""
        entries = await self._store.of_namespace(namespace or self._namespace, self._clock.now(), prefix)
        return [entry.key for entry in entries]

    async def versions(self) -> list[KvVersion]:
        """Every version of every entry of all namespaces, by namespace, key and version."""
        return await self._store.versions()

    async def remove_versions(self, versions: Sequence[KvVersion]) -> int:
        """Remove versions for good; how many there were."""
        return await self._store.remove_versions(versions)

    def has_expired(self, version: KvVersion) -> bool:
        """The time of the version is over."""
        return version.expires_at is not None and version.expires_at <= self._clock.now()

    def _is_expired(self, entry: KvEntry) -> bool:
        return entry.expires_at is not None and entry.expires_at <= self._clock.now()


def typed(value: Any, kind: KvType | None) -> tuple[KvType, Any]:
    """The type of an entry and its value as JSON data; text that looks like a duration is one (A13.1).

    Raises:
        TaskError: the value does not fit the type.
    """
    if kind is None:
        return _recognised(value)
    try:
        return kind, _converted(value, kind)
    except (ValueError, TypeError, msgspec.DecodeError):
        raise TaskError(f"`{_text(value)}` is not a {kind.value} value") from None


def _recognised(value: Any) -> tuple[KvType, Any]:
    match value:
        case bool():
            return KvType.BOOLEAN, value
        case int() | float():
            return KvType.NUMBER, value
        case datetime():
            return KvType.DATETIME, iso8601.format_instant(value)
        case date():
            return KvType.DATE, value.isoformat()
        case timedelta():
            return KvType.DURATION, iso8601.format_duration(value)
        case str():
            return (KvType.DURATION if _DURATION.fullmatch(value) else KvType.STRING), value
        case dict() | list():
            return KvType.JSON, msgspec.to_builtins(value)
    return KvType.STRING, _text(value)


def _converted(value: Any, kind: KvType) -> Any:
    match kind:
        case KvType.STRING:
            return _text(value)
        case KvType.BOOLEAN:
            return value if isinstance(value, bool) else _text(value).strip().lower() == "true"
        case KvType.NUMBER:
            number = msgspec.json.decode(value) if isinstance(value, str) else value
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                raise ValueError
            return number
        case KvType.JSON:
            return msgspec.json.decode(value) if isinstance(value, str) else msgspec.to_builtins(value)
        case KvType.DATETIME:
            return iso8601.format_instant(
                value if isinstance(value, datetime) else iso8601.parse_instant(value)
            )
        case KvType.DATE:
            return (
                value.isoformat() if isinstance(value, date) else date.fromisoformat(value[:10]).isoformat()
            )
        case KvType.DURATION:
            if isinstance(value, timedelta):
                return iso8601.format_duration(value)
            iso8601.parse_duration(value)
            return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return msgspec.json.encode(value).decode()

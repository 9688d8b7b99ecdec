"""Key-value entries in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from batuta.model.records import KvEntry, KvVersion
from batuta.store.port import Page, Search
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.rows import micros
from batuta.store.sqlite.statements import SQL

MOST_VERSIONS = 100
"""Past versions that are kept of a key; without a bound one that is set every second would fill the disk."""
REMOVED_AT_ONCE = 500

_decode_rows = msgspec.json.Decoder(list[list[Any]]).decode


class SqliteKv:
    """See `batuta.store.port.Kv`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, namespace: str, key: str) -> KvEntry | None:
        """Exactly this key of exactly this namespace."""
        row = self._access.readers.row(SQL.kv_entry, (namespace, key))
        return rows.kv_of(row) if row else None

    async def put(self, entry: KvEntry, *, overwrite: bool = True) -> bool:
        """Write an entry as the next version of its key.

        A key that is alive keeps its `created_at`. Whether the present entry has expired is judged at the
        new one's `updated_at`.
        """

        def write() -> Generator[None, None, bool]:
            written = put_entry(self._access.db, entry, overwrite=overwrite)
            yield
            return written

        return await self._access.write(write)

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove a key; False when there was none. Its versions stay until they are purged."""

        def write() -> Generator[None, None, int]:
            db = self._access.db
            db.execute(SQL.keep_kv_version, (namespace, key))
            removed = db.execute(SQL.remove_kv, (namespace, key)).rowcount
            yield
            return removed

        return bool(await self._access.write(write))

    async def of_namespace(self, namespace: str, now: datetime, prefix: str = "") -> list[KvEntry]:
        """Live entries of exactly this namespace whose key begins with `prefix`, by key."""
        parameters = (namespace, prefix, len(prefix), prefix, micros(now))
        return [rows.kv_of(row) for row in await self._access.readers.all(SQL.kv_of_namespace, parameters)]

    async def search(self, search: Search, now: datetime) -> Page[KvEntry]:
        """Live entries."""
        return await self._access.search("kv", search, rows.kv_of, now=micros(now))

    async def purge(self, now: datetime, most: int = 1_000) -> int:
        """Remove up to so many expired entries with all their versions; how many there were."""
        parameters = (micros(now), most)

        def write() -> Generator[None, None, int]:
            db = self._access.db
            db.execute(SQL.purge_kv_versions, parameters)
            removed = db.execute(SQL.purge_kv, parameters).rowcount
            yield
            return removed

        return await self._access.write(write, slow=True)

    async def versions(self) -> list[KvVersion]:
        """Every version of every entry, by namespace, key and version."""
        [[every]] = await self._access.readers.all(SQL.all_kv_versions)
        return [rows.kv_version_of(row) for row in _decode_rows(every)]

    async def remove_versions(self, versions: Sequence[KvVersion]) -> int:
        """Remove versions for good; how many there were."""
        removed = 0
        for start in range(0, len(versions), REMOVED_AT_ONCE):
            part = versions[start : start + REMOVED_AT_ONCE]
            keys = rows.encode([(each.namespace, each.key, each.version) for each in part]).decode()
            removed += await self._access.write(partial(self._remove, keys), slow=True)
        return removed

    def _remove(self, keys: str) -> Generator[None, None, int]:
        db = self._access.db
        removed = db.execute(SQL.remove_kv_versions, (keys,)).rowcount
        removed += db.execute(SQL.remove_present_kv_versions, (keys,)).rowcount
        yield
        return removed


def put_entry(db: sqlite3.Connection, entry: KvEntry, *, overwrite: bool = True) -> bool:
    """Write an entry within a transaction; False when the key is alive and shall not be overwritten."""
    row = db.execute(SQL.kv_entry, (entry.namespace, entry.key)).fetchone()
    present = rows.kv_of(row) if row else None
    is_alive = present is not None and not (present.expires_at and present.expires_at <= entry.updated_at)
    if is_alive and not overwrite:
        return False
    if present is None:
        (latest,) = db.execute(SQL.latest_kv_version, (entry.namespace, entry.key)).fetchone()
    else:
        latest = present.version
        db.execute(SQL.keep_kv_version, (entry.namespace, entry.key))
        db.execute(SQL.forget_kv_versions, (entry.namespace, entry.key, latest - MOST_VERSIONS))
    version = latest + 1
    created_at = present.created_at if present and is_alive else entry.created_at
    db.execute(SQL.put_kv, rows.kv_row(replace(entry, version=version, created_at=created_at)))
    return True

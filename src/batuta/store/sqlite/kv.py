"""Key-value entries in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from datetime import datetime

from msgspec.structs import replace

from batuta.model.records import KvEntry
from batuta.store.port import Page, Search
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.rows import micros
from batuta.store.sqlite.statements import SQL


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
        """Remove a key; False when there was none."""
        return bool(await self._access.execute(SQL.remove_kv, (namespace, key)))

    async def of_namespace(self, namespace: str, now: datetime, prefix: str = "") -> list[KvEntry]:
        """Live entries of exactly this namespace whose key begins with `prefix`, by key."""
        parameters = (namespace, prefix, len(prefix), prefix, micros(now))
        return [rows.kv_of(row) for row in await self._access.readers.all(SQL.kv_of_namespace, parameters)]

    async def search(self, search: Search, now: datetime) -> Page[KvEntry]:
        """Live entries."""
        return await self._access.search("kv", search, rows.kv_of, now=micros(now))

    async def purge(self, now: datetime) -> int:
        """Remove expired entries; how many there were."""
        return await self._access.execute(SQL.purge_kv, (micros(now),), slow=True)


def put_entry(db: sqlite3.Connection, entry: KvEntry, *, overwrite: bool = True) -> bool:
    """Write an entry within a transaction; False when the key is alive and shall not be overwritten."""
    row = db.execute(SQL.kv_entry, (entry.namespace, entry.key)).fetchone()
    present = rows.kv_of(row) if row else None
    is_alive = present is not None and not (present.expires_at and present.expires_at <= entry.updated_at)
    if is_alive and not overwrite:
        return False
    version = present.version + 1 if present else 1
    created_at = present.created_at if present and is_alive else entry.created_at
    db.execute(SQL.put_kv, rows.kv_row(replace(entry, version=version, created_at=created_at)))
    return True

"""Secrets of namespaces in SQLite: rows of ciphertext."""

from __future__ import annotations

from collections.abc import Generator

from batuta.model.records import StoredSecret
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.statements import SQL


class SqliteSecrets:
    """See `batuta.store.port.SecretValues`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, namespace: str, key: str) -> StoredSecret | None:
        """Exactly this key of exactly this namespace."""
        row = self._access.readers.row(SQL.secret, (namespace, key))
        return rows.secret_of(row) if row else None

    async def put(self, *secrets: StoredSecret) -> None:
        """Write secrets, new or changed, in one transaction."""

        def write() -> Generator[None, None, None]:
            self._access.db.executemany(SQL.put_secret, [rows.secret_row(each) for each in secrets])
            yield

        await self._access.write(write)

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove a secret; False when there was none."""
        return bool(await self._access.execute(SQL.remove_secret, (namespace, key)))

    async def all(self) -> list[StoredSecret]:
        """Every secret, by namespace and key."""
        return [rows.secret_of(row) for row in await self._access.readers.all(SQL.all_secrets)]

"""Flows and their revisions in SQLite."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from batuta.model.flow import FlowKey, FlowRevision
from batuta.store.port import Page, Search
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.statements import SQL


class SqliteFlows:
    """See `batuta.store.port.Flows`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def latest(self, key: FlowKey) -> FlowRevision | None:
        """The newest revision, be it a deletion."""
        row = self._access.readers.row(SQL.latest_flow, (key.namespace, key.id))
        return rows.flow_of(row) if row else None

    async def revision(self, key: FlowKey, revision: int) -> FlowRevision | None:
        """One revision."""
        row = self._access.readers.row(SQL.flow_revision, (key.namespace, key.id, revision))
        return rows.flow_of(row) if row else None

    async def revisions(self, key: FlowKey) -> list[FlowRevision]:
        """All revisions, oldest first."""
        return [
            rows.flow_of(row)
            for row in await self._access.readers.all(SQL.flow_revisions, (key.namespace, key.id))
        ]

    async def search(self, search: Search) -> Page[FlowRevision]:
        """Newest revisions of flows that are not deleted."""
        return await self._access.search("flows", search, rows.flow_of)

    async def namespaces(self) -> list[str]:
        """Every namespace that holds a living flow, sorted."""
        return [namespace for (namespace,) in await self._access.readers.all(SQL.flow_namespaces)]

    async def remove(self, key: FlowKey, revisions: Sequence[int]) -> int:
        """Delete old revisions for good."""

        def write() -> Generator[None, None, int]:
            removed = 0
            for revision in revisions:
                removed += self._access.db.execute(
                    SQL.remove_flow_revision, (key.namespace, key.id, revision)
                ).rowcount
                yield
            return removed

        return await self._access.write(write)

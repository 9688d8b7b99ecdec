"""What attempts leave behind: log lines and measurements in SQLite."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta.model.records import LogLine, Metric
from batuta.model.task import LogLevel
from batuta.store.port import Page, Search, StoredLine
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.statements import SQL

_decode_rows = msgspec.json.Decoder(list[list[Any]]).decode


class SqliteLogs:
    """See `batuta.store.port.Logs`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def of_execution(
        self,
        execution_id: str,
        *,
        least: LogLevel = LogLevel.TRACE,
        task_run_id: str | None = None,
        task_id: str | None = None,
        attempt: int | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[StoredLine]:
        """Lines in order of arrival, from the one behind `after` on."""
        most = -1 if limit is None else limit
        parameters = (execution_id, after, least.severity, task_run_id, task_id, attempt, most)
        [[lines]] = await self._access.readers.all(SQL.logs_of_execution, parameters)
        return [rows.line_of(row) for row in _decode_rows(lines)]

    async def search(self, search: Search) -> Page[LogLine]:
        """Lines, newest first unless ordered by `timestamp`."""
        return await self._access.search("logs", search, lambda row: rows.line_of(row).line)

    async def delete(
        self,
        execution_id: str,
        *,
        least: LogLevel = LogLevel.TRACE,
        task_run_id: str | None = None,
        task_id: str | None = None,
        attempt: int | None = None,
    ) -> int:
        """Remove lines; how many there were."""
        parameters = (execution_id, least.severity, task_run_id, task_id, attempt)
        return await self._access.execute(SQL.delete_logs, parameters, slow=True)


class SqliteMetrics:
    """See `batuta.store.port.Metrics`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def of_execution(
        self, execution_id: str, *, task_run_id: str | None = None, task_id: str | None = None
    ) -> list[Metric]:
        """Measurements in order of arrival."""
        found = await self._access.readers.all(SQL.metrics_of_execution, (execution_id, task_run_id, task_id))
        return [rows.decode_metric(body) for (body,) in found]

    async def delete(self, execution_id: str) -> int:
        """Remove measurements; how many there were."""
        return await self._access.execute(SQL.delete_metrics, (execution_id,))

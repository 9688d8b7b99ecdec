"""What attempts leave behind: log lines and measurements in SQLite."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta.model.flow import FlowKey
from batuta.model.records import LogLine, Metric
from batuta.model.task import LogLevel
from batuta.store.port import Criteria, Order, Page, Search, StoredLine
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.statements import SQL

PURGED_AT_ONCE = 5_000

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

    async def purge(self, criteria: Criteria) -> int:
        """Remove lines by the fields of a search, some thousand in one transaction; how many there were."""
        removed = 0
        while ids := await self._found(criteria):
            removed += await self._access.execute(SQL.remove_logs, (rows.encode(ids).decode(),), slow=True)
        return removed

    async def _found(self, criteria: Criteria) -> list[int]:
        search = Search(criteria=criteria, order=(Order("timestamp"),), limit=PURGED_AT_ONCE)
        page = await self._access.search("logs", search, lambda row: rows.line_of(row).id)
        return page.results


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

    async def of_flow(self, key: FlowKey, name: str, *, task_id: str | None = None) -> list[Metric]:
        """Measurements of one name that executions of a flow made, in order of arrival."""
        parameters = (key.namespace, key.id, task_id, name)
        [[every]] = await self._access.readers.all(SQL.metrics_of_flow, parameters)
        return rows.decode_metrics(every)

    async def names(self, key: FlowKey, task_id: str | None = None) -> list[str]:
        """Names of the measurements of a flow, or of one task of it, sorted."""
        parameters = (key.namespace, key.id, task_id)
        return [name for (name,) in await self._access.readers.all(SQL.metric_names_of_flow, parameters)]

    async def tasks(self, key: FlowKey) -> list[str]:
        """Tasks of a flow that have measured something, sorted."""
        parameters = (key.namespace, key.id)
        return [task for (task,) in await self._access.readers.all(SQL.metric_tasks_of_flow, parameters)]

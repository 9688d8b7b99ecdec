"""Executions and their task runs in SQLite."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import msgspec

from batuta.errors import InvalidRequest
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import FlowKey
from batuta.store.port import Page, Search
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.statements import SQL

FEW = 64
"""So many task runs are read at once; more of them in a thread."""

_DELETED_AT_ONCE = 500

_DISTINCT = {"namespace": "namespace", "flowId": "flow_id", "state": "state", "kind": "kind"}


class SqliteExecutions:
    """See `batuta.store.port.Executions`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, execution_id: str) -> Execution | None:
        """One execution."""
        row = self._access.readers.row(SQL.execution, (execution_id,))
        return rows.decode_execution(row[0]) if row else None

    async def task_runs(self, execution_id: str) -> list[TaskRun]:
        """Its task runs in order."""
        first = self._access.readers.few(SQL.first_task_runs, (execution_id, FEW + 1))
        if len(first) <= FEW:
            return [rows.decode_task_run(body) for (body,) in first]
        [[every]] = await self._access.readers.all(SQL.task_runs, (execution_id,))
        return rows.decode_task_runs(every)

    async def parts(self, execution_id: str) -> dict[tuple[int, str], Any]:
        """What its task runs keep beside their rows, by ordinal and name, in this order."""
        return {
            (ordinal, name): msgspec.json.decode(body)
            for ordinal, name, body in await self._access.readers.all(SQL.parts, (execution_id,))
        }

    async def search(self, search: Search) -> Page[Execution]:
        """Executions, newest start first unless ordered otherwise."""
        return await self._access.search("executions", search, _execution_of)

    async def unsettled(self) -> list[Execution]:
        """All that have something before them, oldest first."""
        [[every]] = await self._access.readers.all(SQL.unsettled_executions)
        return rows.decode_executions(every)

    async def children(self, execution_id: str) -> list[Execution]:
        """Executions that tasks of this one started."""
        return [
            _execution_of(row)
            for row in await self._access.readers.all(SQL.child_executions, (execution_id,))
        ]

    async def queued(self, key: FlowKey, most: int) -> list[Execution]:
        """Executions of a flow that wait for a slot, those that wait longest first."""
        found = self._access.readers.few(SQL.queued_executions, (key.namespace, key.id, most))
        return [_execution_of(row) for row in found]

    async def holders(self, key: FlowKey, most: int) -> list[Execution]:
        """Executions of a flow that count against its limit, oldest first."""
        found = self._access.readers.few(SQL.slot_holders, (key.namespace, key.id, most))
        return [_execution_of(row) for row in found]

    async def queues(self) -> list[FlowKey]:
        """Flows of which executions wait for a slot."""
        return [FlowKey(*row) for row in self._access.readers.few(SQL.queues, ())]

    async def latest(self, keys: Sequence[FlowKey]) -> list[Execution]:
        """The newest normal execution of each flow that ever ran."""
        found = (self._access.readers.row(SQL.latest_execution, (key.namespace, key.id)) for key in keys)
        return [_execution_of(row) for row in found if row]

    async def distinct(self, field: str, limit: int) -> list[str]:
        """Values of a field that occur, sorted."""
        column = _DISTINCT.get(field)
        if column is None:
            raise InvalidRequest(
                f"`{field}` is not a field whose values can be listed",
                mend=f"known fields: {', '.join(sorted(_DISTINCT))}",
            )
        sql = f"SELECT DISTINCT {column} FROM executions ORDER BY {column} LIMIT ?"
        return [value for (value,) in await self._access.readers.all(sql, (limit,))]

    async def delete(self, execution_ids: Sequence[str], *, logs: bool = True, metrics: bool = True) -> int:
        """Remove executions and what belongs to them."""
        tables = ["task_runs", "task_run_parts", "jobs", "timers", "events"]
        tables += ["logs"] if logs else []
        tables += ["metrics"] if metrics else []
        db = self._access.db

        def write(ids: str) -> Generator[None, None, int]:
            removed = 0
            for table in tables:
                db.execute(
                    f"DELETE FROM {table} WHERE execution_id IN (SELECT value FROM json_each(?))", (ids,)
                )
                yield
            removed += db.execute(
                "DELETE FROM executions WHERE id IN (SELECT value FROM json_each(?))", (ids,)
            ).rowcount
            return removed

        removed = 0
        for start in range(0, len(execution_ids), _DELETED_AT_ONCE):
            ids = rows.encode(list(execution_ids[start : start + _DELETED_AT_ONCE])).decode()
            removed += await self._access.write(lambda ids=ids: write(ids), slow=True)  # type: ignore[misc]
        return removed


def _execution_of(row: Any) -> Execution:
    return rows.decode_execution(row[0])

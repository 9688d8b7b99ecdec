"""Log lines of all executions and triggers, as far as a task may remove them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from batuta.model.task import LogLevel
from batuta.store.port import AllOf, Condition, Criteria, Logs


class AllLogs:
    """See `plugin.context.Logs`."""

    def __init__(self, store: Logs) -> None:
        self._store = store

    async def purge(
        self,
        *,
        namespace: str | None,
        flow_id: str | None,
        execution_id: str | None,
        levels: Sequence[LogLevel],
        since: datetime | None,
        until: datetime,
    ) -> int:
        """Remove lines that were written within a time."""
        times = [Condition("endDate", "LESS_THAN_OR_EQUAL_TO", until)]
        if since is not None:
            times.append(Condition("startDate", "GREATER_THAN_OR_EQUAL_TO", since))
        if levels:
            times.append(Condition("level", "IN", [level.value for level in levels]))
        return await self._store.purge(AllOf((*times, *_of(namespace, flow_id, execution_id))))


def _of(namespace: str | None, flow_id: str | None, execution_id: str | None) -> Iterator[Criteria]:
    if namespace is not None:
        yield Condition("namespace", "PREFIX" if flow_id is None else "EQUALS", namespace)
    if flow_id is not None:
        yield Condition("flowId", "EQUALS", flow_id)
    if execution_id is not None:
        yield Condition("executionId", "EQUALS", execution_id)

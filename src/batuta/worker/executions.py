"""Executions other than the attempt's own, as far as tasks may look at and change them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from batuta.engine.events import ResumeRequested
from batuta.errors import TaskError
from batuta.model.execution import Execution
from batuta.model.state import ENDED, State
from batuta.plugin.context import Purged, PurgedParts, SeenExecution
from batuta.ports import Ports
from batuta.storage import uris
from batuta.store.port import AllOf, AnyOf, Condition, Criteria, Order, Search

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
"""Between two looks at an execution that is waited for; the pause doubles from the first to the longest."""
_OLDEST_FIRST = (Order("state.startDate"), Order("id"))


class OtherExecutions:
    """See `plugin.context.Executions`."""

    def __init__(self, ports: Ports, namespace: str) -> None:
        self._ports = ports
        self._namespace = namespace

    async def look(self, execution_id: str) -> SeenExecution:
        """An execution as it stands now."""
        executions = self._ports.store.executions
        execution = await executions.get(execution_id)
        if execution is None:
            raise TaskError(f"There is no execution `{execution_id}`")
        return SeenExecution(execution, await executions.task_runs(execution_id))

    async def look_when(
        self, execution_id: str, reached: Callable[[Execution], bool], patience: timedelta
    ) -> SeenExecution:
        """An execution once `reached` holds of it, or as it stands when patience is at its end."""
        loop = asyncio.get_running_loop()
        end = loop.time() + patience.total_seconds()
        pause = FIRST_PAUSE_SECONDS
        while True:
            seen = await self.look(execution_id)
            left = end - loop.time()
            if reached(seen.execution) or left <= 0:
                return seen
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def resume(
        self, execution_id: str, inputs: Mapping[str, Any], namespace: str | None = None
    ) -> None:
        """Let a paused execution go on."""
        execution = await self._ports.store.executions.get(execution_id)
        wanted = namespace or self._namespace
        if execution is None or execution.namespace != wanted:
            raise TaskError(f"There is no execution `{execution_id}` in `{wanted}`")
        if execution.state.current is not State.PAUSED:
            raise TaskError(f"Execution '{execution_id}' is not paused, can't resume it")
        await self._ports.inbox.accept(ResumeRequested(execution_id=execution_id, inputs=dict(inputs)))

    async def count(
        self,
        *,
        namespace: str,
        flow_id: str | None,
        states: Sequence[State],
        since: datetime,
        until: datetime | None,
    ) -> int:
        """How many executions began within a time."""
        parts = [Condition("startDate", "GREATER_THAN_OR_EQUAL_TO", since)]
        if until is not None:
            parts.append(Condition("startDate", "LESS_THAN_OR_EQUAL_TO", until))
        where = AllOf((*_of(namespace, flow_id, exactly=True), *_in(states), *parts))
        page = await self._ports.store.executions.search(Search(criteria=where, limit=1))
        return page.total

    async def purge(
        self,
        *,
        namespace: str | None,
        flow_id: str | None,
        states: Sequence[State],
        since: datetime | None,
        until: datetime,
        parts: PurgedParts,
        at_once: int,
    ) -> Purged:
        """Remove ended executions, or some of what belongs to them."""
        bounds = [Condition("endDate", "LESS_THAN_OR_EQUAL_TO", until)]
        if since is not None:
            bounds.append(Condition("startDate", "GREATER_THAN_OR_EQUAL_TO", since))
        wanted = [state for state in states or ENDED if state in ENDED]
        where = AllOf((*_of(namespace, flow_id, exactly=False), *_in(wanted), *bounds))
        done, passed = Purged(), 0
        while True:
            page = await self._ports.store.executions.search(
                Search(criteria=where, order=_OLDEST_FIRST, offset=passed, limit=at_once)
            )
            if not page.results:
                return done
            found = [execution for execution in page.results if execution.settled]
            done += await self._purge(found, parts)
            passed += len(page.results) - (len(found) if parts.executions else 0)

    async def _purge(self, found: Sequence[Execution], parts: PurgedParts) -> Purged:
        store, storage = self._ports.store, self._ports.storage
        logs = metrics = files = executions = 0
        for each in found:
            if parts.logs:
                logs += await store.logs.delete(each.id)
            if parts.metrics:
                metrics += await store.metrics.delete(each.id)
            if parts.storage:
                files += await storage.delete_below(uris.execution(each.namespace, each.flow_id, each.id))
        if parts.executions:
            ids = [each.id for each in found]
            executions = await store.executions.delete(ids, logs=False, metrics=False)
        return Purged(executions, logs, metrics, files)


def _of(namespace: str | None, flow_id: str | None, *, exactly: bool) -> Iterator[Criteria]:
    if namespace is not None:
        same = Condition("namespace", "EQUALS", namespace)
        below = Condition("namespace", "STARTS_WITH", f"{namespace}.")
        yield same if exactly or flow_id is not None else AnyOf((same, below))
    if flow_id is not None:
        yield Condition("flowId", "EQUALS", flow_id)


def _in(states: Sequence[State]) -> Iterator[Criteria]:
    if states:
        yield Condition("state", "IN", [state.value for state in states])

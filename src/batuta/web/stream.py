"""Server-sent events: an execution as it changes, a log as it grows (API spec §4).

The marker of an event travels in `id:`, there is no `event:` line. Every hint leads to a look at the rows,
and so does a second without one; what is sent is what the rows say, once for each difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec
from litestar.response import Stream

from batuta.bus.port import ExecutionChanged, LogsWritten
from batuta.errors import NotFound
from batuta.model import labels
from batuta.model.execution import Execution
from batuta.model.flow import FlowKey
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.store.port import Condition, Search
from batuta.web import waiting
from batuta.web.shapes import execution as shape
from batuta.web.shapes import records
from batuta.web.site import Site
from batuta.web.watching import Stopping, Watch

KEEP_ALIVE_SECONDS = 15.0
IDLE_SECONDS = 3600.0
"""A stream in which nothing happens for so long is cut."""
APPEAR_SECONDS = 10.0
"""How long a stream waits for its execution to exist."""
MOST_RELATED = 1000
"""Most executions with one correlation id that are followed."""
LEAST_GAP_SECONDS = 0.02
"""Least time between two looks at an execution that changes all the time."""

_KEEP_ALIVE = b": ka\n\n"
_encode = msgspec.json.encode


def event(marker: str, data: Any) -> bytes:
    """One event on the wire."""
    return b"id: %s\ndata: %s\n\n" % (marker.encode(), _encode(data))


def response(events: AsyncIterator[bytes]) -> Stream:
    """A stream that no proxy holds back."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return Stream(events, media_type="text/event-stream", headers=headers)


async def appeared(site: Site, execution_id: str) -> Execution:
    """The execution, which somebody may be about to create."""
    found = await site.ports.store.executions.get(execution_id)
    if found is not None:
        return found
    async with site.watches.on(execution_id) as watch:
        loop = asyncio.get_running_loop()
        end = loop.time() + APPEAR_SECONDS
        while loop.time() < end:
            found = await site.ports.store.executions.get(execution_id)
            if found is not None:
                return found
            await watch.wait(min(waiting.LOOK_SECONDS, max(end - loop.time(), 0)))
    raise NotFound(f"Unable to find the execution {execution_id}")


async def execution_events(site: Site, execution_id: str) -> AsyncIterator[bytes]:
    """`start`, `progress` for each change, `end` once nothing more will happen."""
    loop = asyncio.get_running_loop()
    yield event("start", shape.stub(execution_id))
    async with site.watches.on(execution_id) as watch:
        ticks = _Ticks(watch)
        seen: tuple[Any, ...] | None = None
        async for alive in ticks:
            if alive:
                yield _KEEP_ALIVE
                continue
            began = loop.time()
            execution = await site.ports.store.executions.get(execution_id)
            if execution is None:
                return
            runs = await site.ports.store.executions.task_runs(execution_id)
            now = (execution, runs)
            if execution.settled:
                yield event("end", shape.full(execution, runs, site.now()))
                return
            if now != seen:
                seen = now
                yield event("progress", shape.full(execution, runs, site.now()))
                ticks.busy()
                # A document that costs much to make is made less often.
                await asyncio.sleep(max(LEAST_GAP_SECONDS, 3 * (loop.time() - began)))


async def dependency_events(
    site: Site, execution: Execution, keys: Collection[FlowKey]
) -> AsyncIterator[bytes]:
    """`start`, then `progress` or `end` for each change of an execution of one of the flows that has the same
    correlation id, and `end-all` once all of them have ended."""
    yield event("start", shape.stub(execution.id))
    correlation = labels.value_of(execution.labels, labels.CORRELATION_ID) or execution.id
    criteria = Condition("labels", "EQUALS", {labels.CORRELATION_ID: correlation})
    async with site.watches.on(execution.id) as watch:
        ticks = _Ticks(watch)
        seen: dict[str, State] = {}
        async for alive in ticks:
            if alive:
                yield _KEEP_ALIVE
                continue
            page = await site.ports.store.executions.search(Search(criteria=criteria, limit=MOST_RELATED))
            related = [each for each in page.results if each.flow_key in keys]
            for each in related:
                state = each.state.current
                if seen.get(each.id) is not state:
                    seen[each.id] = state
                    yield event("end" if each.is_ended else "progress", shape.status(each, site.now()))
                    ticks.busy()
            if all(each.settled for each in related):
                yield event("end-all", shape.stub(execution.id))
                return


class LogFilter(msgspec.Struct, frozen=True):
    """Which lines of an execution are wanted."""

    least: LogLevel = LogLevel.TRACE
    task_run_id: str | None = None
    task_id: str | None = None
    attempt: int | None = None


async def log_events(site: Site, execution_id: str, wanted: LogFilter) -> AsyncIterator[bytes]:
    """`start`, `progress` for each line, old ones first, and `end` once no more can come."""
    yield event("start", {})
    async with site.watches.on(execution_id, LogsWritten, ExecutionChanged) as watch:
        ticks = _Ticks(watch)
        last = 0
        async for alive in ticks:
            if alive:
                yield _KEEP_ALIVE
                continue
            execution = await site.ports.store.executions.get(execution_id)
            lines = await site.ports.store.logs.of_execution(
                execution_id,
                least=wanted.least,
                task_run_id=wanted.task_run_id,
                task_id=wanted.task_id,
                attempt=wanted.attempt,
                after=last,
            )
            for stored in lines:
                last = stored.id
                yield event("progress", records.log_line(stored.line))
            if execution is None or execution.settled:
                yield event("end", {})
                return
            if lines:
                ticks.busy()
                await asyncio.sleep(LEAST_GAP_SECONDS)


class _Ticks:
    """When to look: at once, after each hint or a second without one. True means: say that we are alive."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._look = True
        self._sent = self._changed = self._loop.time()

    def busy(self) -> None:
        """Something was sent."""
        self._sent = self._changed = self._loop.time()

    def __aiter__(self) -> _Ticks:
        return self

    async def __anext__(self) -> bool:
        if self._look:
            self._look = False
            return False
        if self._loop.time() - self._changed > IDLE_SECONDS:
            raise StopAsyncIteration
        try:
            await self._watch.wait(waiting.LOOK_SECONDS)
        except Stopping:
            raise StopAsyncIteration from None
        now = self._loop.time()
        if now - self._sent >= KEEP_ALIVE_SECONDS:
            self._sent = now
            self._look = True
        return self._look

"""The scheduler: ticks become executions. START HERE.

It sleeps until the next tick, or until a hint says that something changed. A tick is decided once: the
execution, the unique row of the tick and the trigger's record are written in one transaction. What a tick
means is decided elsewhere (`planning.py`, `decide.py`); what a saved flow changes is in `records.py`,
reactions to other executions are in `reactions.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from batuta.bus.port import (
    AnyHint,
    ExecutionChanged,
    FlowSaved,
    TriggerJobsChanged,
    TriggersChanged,
    TriggerStarted,
)
from batuta.engine.events import ExecutionCreated
from batuta.engine.world import World
from batuta.errors import AlreadyFired, Conflict, Outdated, StoreError
from batuta.firing.launching import Launcher
from batuta.firing.sources import RuleSource
from batuta.lookups import Lookups
from batuta.model.flow import FlowKey
from batuta.model.trigger import TriggerKey, TriggerRecord
from batuta.ports import Ports
from batuta.scheduler.locks import Locks
from batuta.scheduler.planning import Planned, Planner
from batuta.scheduler.reactions import Reactions
from batuta.scheduler.records import FlowRecords
from batuta.store.batch import Batch

MOST_DUE = 500
"""Most records that share a transaction."""
LONGEST_SLEEP_SECONDS = 60.0
"""A clock that was set is noticed after this time."""
RETRY_SECONDS = 1.0
"""Seconds before something that the database refused is tried again."""
SWEEP_SECONDS = 10.0
"""Seconds between two looks for what hints missed."""
KEEP_FIRINGS = timedelta(days=30)

log = logging.getLogger(__name__)


class Scheduler:
    """Starts what is due."""

    def __init__(self, ports: Ports, world: World) -> None:
        self._ports = ports
        self._store = ports.store
        self._clock = ports.clock
        rules = RuleSource(ports.store)
        launcher = Launcher(Lookups(ports), world)
        self._planner = Planner(rules, launcher, ports.clock)
        self.reactions = Reactions(ports, launcher, rules)
        self._records = FlowRecords(ports, rules, self._planner, self.reactions)
        self._wake = asyncio.Event()
        self._locks = Locks(ports, self._planner.after_end_of, self._wake.set)
        self.ready = asyncio.Event()
        """Set once every flow was read and what an earlier process left was looked at."""

    async def run(self) -> None:
        """Work until cancelled."""
        followed = (FlowSaved, TriggersChanged, TriggerStarted, ExecutionChanged)
        async with self._ports.bus.subscribe(*followed) as hints:
            while not self.ready.is_set():
                try:
                    await self._recover()
                except StoreError as error:
                    log.error("the scheduler waits for the database: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick(), name="ticks")
                group.create_task(self._listen(hints), name="hints")
                group.create_task(self.reactions.run(), name="reactions")
                group.create_task(self._sweep(), name="sweep")

    async def _recover(self) -> None:
        """Look at what an earlier process left."""
        await self._records.read_all()
        await self._locks.load()
        await self.reactions.load()
        self.ready.set()

    # Ticks

    async def _tick(self) -> None:
        while True:
            self._wake.clear()
            try:
                due = await self._store.triggers.due(self._clock.now(), MOST_DUE)
                if due:
                    await self._start(due)
                    continue
                next_due = await self._store.triggers.next_due()
            except StoreError as error:
                log.error("the scheduler waits for the database: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            seconds = LONGEST_SLEEP_SECONDS
            if next_due is not None:
                seconds = min(seconds, (next_due - self._clock.now()).total_seconds())
            await self._sleep(seconds)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _start(self, due: Sequence[TriggerRecord]) -> None:
        """Plan every record, and write all in one transaction; one by one if any was changed meanwhile."""
        planned = [await self._planner.plan(record) for record in due]
        try:
            await self._write(planned)
        except Conflict:
            for each in planned:
                await self._write_alone(each)

    async def _write_alone(self, planned: Planned) -> None:
        try:
            await self._write([planned])
        except Outdated:
            return  # somebody else has changed it: it is read again
        except AlreadyFired:
            # The tick was dealt with: the record goes on without it.
            record = replace(planned.record, execution_id=None)
            try:
                await self._store.commit(Batch(triggers=[record]))
            except Outdated:
                return

    async def _write(self, planned: Sequence[Planned]) -> None:
        batch = Batch()
        for each in planned:
            batch.merge(each.batch)
        begun = [each.execution for each in planned if each.execution is not None and each.is_begun]
        if begun:
            created = (ExecutionCreated(execution_id=execution.id) for execution in begun)
            await self._ports.inbox.accept(*created, batch=batch)
        elif batch:
            await self._store.commit(batch)
        hints: list[AnyHint] = [TriggerJobsChanged()] if batch.trigger_jobs else []
        for each in planned:
            if each.execution is not None:
                hints.append(ExecutionChanged(execution_id=each.execution.id, settled=each.execution.settled))
                if each.is_begun and (
                    each.record.execution_id == each.execution.id or each.record.stop_after
                ):
                    self._locks.watch(each.execution.id, each.record.key)
        if hints:
            await self._ports.bus.publish(*hints)

    # Hints

    async def _listen(self, hints: AsyncIterator[Any]) -> None:
        async for hint in hints:
            try:
                match hint:
                    case FlowSaved():
                        await self._records.read(FlowKey(hint.namespace, hint.flow_id))
                        self._wake.set()
                    case TriggersChanged():
                        self._wake.set()
                    case TriggerStarted():
                        key = TriggerKey(hint.namespace, hint.flow_id, hint.trigger_id)
                        self._locks.watch(hint.execution_id, key)
                        await self._locks.look(hint.execution_id)  # it may have ended already
                        self._wake.set()
                    case ExecutionChanged():
                        if self._locks.concerns(hint.execution_id):
                            await self._locks.look(hint.execution_id)
                        self.reactions.heard(hint.execution_id)
            except Exception:
                # The border of the loop; the sweep makes good what was not done.
                log.exception("the scheduler could not follow a hint: %s", hint)

    # What hints missed

    async def _sweep(self) -> None:
        purged_at = self._clock.monotonic()
        looked_at = purged_at
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._locks.sweep()
                await self.reactions.sweep()
                if self._clock.monotonic() - looked_at >= LONGEST_SLEEP_SECONDS:
                    looked_at = self._clock.monotonic()
                    await self._records.read_all()
                    await self._locks.find()
                if self._clock.monotonic() - purged_at >= 86_400:
                    purged_at = self._clock.monotonic()
                    await self._store.triggers.purge_firings(self._clock.now() - KEEP_FIRINGS)
            except Exception:
                # The border of the loop; it looks again.
                log.exception("the scheduler could not look around")

"""The executor: takes events, makes steps, commits them together, then sends hints. START HERE.

It holds no rule about flows; those are in `engine`. What it knows is order (commit before effect, one step at
a time per execution) and economy (many executions share one transaction).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from batuta import expr
from batuta.bus.port import AnyHint, ExecutionChanged, JobsWaiting, LogsWritten, StopAttempts
from batuta.engine.world import World
from batuta.errors import FlowError, StoreError, UnstorableValue
from batuta.executor.admissions import Admissions
from batuta.executor.fetching import Fetching
from batuta.executor.inbox import ExecutorInbox, Item
from batuta.executor.large_values import LargeValues
from batuta.executor.live import Live
from batuta.executor.plan import NEW_EXECUTION_TIMER
from batuta.executor.recovery import recover, sweep
from batuta.executor.relatives import Relatives
from batuta.executor.round import Round
from batuta.executor.seals import Seals
from batuta.executor.starting import Starting
from batuta.executor.steps import Steps
from batuta.executor.timers import Timers
from batuta.lookups import Lookups
from batuta.ports import Ports

MOST_EVENTS = 256
"""Most events that share a transaction."""
RETRY_SECONDS = 1.0
"""Seconds before a commit that the store refused is tried again."""

log = logging.getLogger(__name__)


class Executor:
    """Turns events into committed steps."""

    def __init__(self, ports: Ports, inbox: ExecutorInbox, world: World) -> None:
        self._ports = ports
        self._store = ports.store
        self._inbox = inbox
        self._timers = Timers(ports.clock, inbox)
        self._admissions = Admissions(ports.store, inbox)
        lookups = Lookups(ports)
        self._fetching = Fetching(inbox, lookups)
        seals = Seals(ports.cipher, world)
        large = LargeValues(ports.storage)
        self.live = Live(ports.store, seals)
        starting = Starting(ports, self.live.flows, lookups, world)
        self._relatives = Relatives(ports, self.live, starting, seals, large)
        self._steps = Steps(ports, world, self.live, seals, large, self._relatives)
        self.recovered = asyncio.Event()
        """Set once all that an earlier process left is queued; before that no worker may take a job."""

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            await recover(self._store, self._inbox, self._timers)
            self.recovered.set()
            group.create_task(self._timers.run(), name="timers")
            group.create_task(sweep(self._ports, self._inbox, self._admissions), name="sweep")
            async for items in self._inbox.batches(MOST_EVENTS):
                await self._make_round(items)

    async def _make_round(self, items: list[Item]) -> None:
        """Steps for all items, one transaction, then hints."""
        this = Round(items)
        for item in items:
            await self._take(item, this)
        this.batch.posted += this.posted
        try:
            ids = await self._store.commit(this.batch) if this.batch else []
        except UnstorableValue as error:
            self.live.forget(this.changed)
            await self._separate(items, error)
            return
        except StoreError as error:
            log.error("commit refused: %s", error)
            # Memory is ahead of the database: read again what this round touched, and make it again.
            self.live.forget(this.changed)
            self._inbox.give_back([item for item in items if not self._inbox.is_aside(item.execution_id)])
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._timers.cancel(this.batch.cancelled_timers)
        self._timers.set(this.batch.timers)
        for item in this.next:
            self._inbox.push(item)
        for event, posted_id in zip(
            this.posted, ids[-len(this.posted) :] if this.posted else [], strict=True
        ):
            self._inbox.push(Item(event=event, execution_id=event.execution_id, posted_id=posted_id))
        await self._admissions.answer(this.slots, this.batch)
        hints = self._hints(this)
        if hints:
            await self._ports.bus.publish(*hints)

    async def _separate(self, items: list[Item], error: UnstorableValue) -> None:
        """One item of a round has made a row that no database takes: find it, and end its execution."""
        items = [item for item in items if not self._inbox.is_aside(item.execution_id)]
        if len(items) > 1:
            for item in items:
                await self._make_round([item])
            return
        for item in items:
            this = Round([item])
            ledger = await self.live.get(item.execution_id)
            if ledger is not None:
                log.error("a step cannot be stored (execution %s): %s", item.execution_id, error)
                await self._steps.give_up(item, ledger, f"Internal error: {error}", this)
            await self._store.commit(this.batch)
            await self._ports.bus.publish(*self._hints(this))

    def _hints(self, this: Round) -> list[AnyHint]:
        """Whom a durable round concerns. Losing one costs time, never correctness."""
        hints: list[AnyHint] = []
        if this.stopped:
            hints.append(StopAttempts(task_run_ids=tuple(this.stopped)))
        if this.has_jobs:
            hints.append(JobsWaiting())
        for execution_id in this.changed:
            execution = this.batch.executions.get(execution_id)
            settled = execution is not None and execution.settled
            hints.append(ExecutionChanged(execution_id=execution_id, settled=settled))
            if settled:
                self.live.forget([execution_id])
        hints += [LogsWritten(execution_id=execution_id) for execution_id in this.logged]
        return hints

    async def _take(self, item: Item, this: Round) -> None:
        """The step of one item, and of what follows from it at once."""
        if self._inbox.is_aside(item.execution_id):
            # A step of this round asked for an outside value; this one keeps its place behind it.
            self._inbox.set_aside(item)
            return
        if item.timer is not None and item.timer.timer == NEW_EXECUTION_TIMER:
            await self._relatives.repeat(item, this)
            return
        ledger = await self.live.get(item.execution_id)
        if ledger is None:
            this.take_in(item)
            return
        waiting = deque([item])
        while waiting:
            item = waiting.popleft()
            try:
                waiting += await self._steps.make(item, ledger, this)
            except expr.MissingFact as missing:
                self._fetching.begin(item, missing.fact, ledger.execution)
                for later in waiting:
                    self._inbox.set_aside(later)
                return
            except FlowError as error:
                # A restart or a replay with a revision that lacks a task of the execution.
                await self._steps.give_up(item, ledger, str(error), this)
            except Exception as error:
                # The border of the loop: a step that cannot be made ends its execution, never the loop or the
                # round.
                log.exception("a step failed (execution %s)", item.execution_id)
                reason = f"Internal error: {type(error).__name__}: {error}"
                await self._steps.give_up(item, ledger, reason, this)

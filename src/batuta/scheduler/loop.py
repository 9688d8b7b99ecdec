"""The scheduler: ticks become executions. START HERE.

It sleeps until the next tick, or until a hint says that something changed. A tick is decided once: the
execution, the unique row of the tick and the trigger's record are written in one transaction. What a tick
means is decided elsewhere (`decide.py`, `reconcile.py`); reactions to other executions are `reactions.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from batuta import expr, ids
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
from batuta.errors import AlreadyFired, BatutaError, Conflict, Outdated, StoreError
from batuta.firing.failures import failure
from batuta.firing.launching import Launcher, Wish
from batuta.firing.rules import Rule, Schedule
from batuta.firing.scene import with_facts
from batuta.firing.sources import RuleSource
from batuta.lookups import Lookups
from batuta.model.execution import Execution
from batuta.model.flow import FlowKey
from batuta.model.trigger import Firing, ReadFlow, TriggerJob, TriggerKey, TriggerKind, TriggerRecord
from batuta.ports import Ports
from batuta.scheduler.decide import Decision, after_end, decide
from batuta.scheduler.locks import Locks, stopped
from batuta.scheduler.reactions import Reactions
from batuta.scheduler.reconcile import reconcile
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
TRIES = 5
"""How often a change is tried again that lost a race."""

log = logging.getLogger(__name__)


class Planned(msgspec.Struct):
    """What shall be written for one record."""

    record: TriggerRecord
    batch: Batch
    execution: Execution | None = None

    @property
    def is_begun(self) -> bool:
        """There is an execution, and it has not failed before it began."""
        return self.execution is not None and not self.execution.is_ended


class Scheduler:
    """Starts what is due."""

    def __init__(self, ports: Ports, world: World) -> None:
        self._ports = ports
        self._store = ports.store
        self._clock = ports.clock
        self._world = world
        self._lookups = Lookups(ports)
        self._rules = RuleSource(ports.store)
        self._launcher = Launcher(self._lookups, world)
        self.reactions = Reactions(ports, self._launcher, self._rules)
        self._began = ports.clock.now()
        self._wake = asyncio.Event()
        self._locks = Locks(ports, self._next_at, self._wake.set)
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
        await self._read_flows()
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
        planned = [await self._planned(record) for record in due]
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

    async def _planned(self, record: TriggerRecord) -> Planned:
        """What to do about a record; whatever goes wrong concerns it alone."""
        try:
            return await self._plan(record)
        except StoreError:
            raise
        except Exception as error:
            # The border of the loop: one trigger that cannot be looked at never stops the others.
            log.exception("%s could not be looked at and is switched off", record.key)
            return self._switch_off(record, error)

    async def _plan(self, record: TriggerRecord) -> Planned:
        """What to do about a record that is due. Nothing is written yet."""
        now = self._clock.now()
        rule = await self._rules.of(record.key)
        if rule is not None and record.kind is not TriggerKind.SCHEDULE:
            job = TriggerJob(**record.key._asdict(), revision=rule.flow.revision, since=now)
            marked = replace(record, evaluating_since=now, updated_at=now)
            return Planned(marked, Batch(triggers=[marked], trigger_jobs=[job]))
        if rule is None:
            held = replace(record, held=True, updated_at=now)
            return Planned(held, Batch(triggers=[held]))
        try:
            decision = await self._decide(record, rule)
        except (BatutaError, expr.ExpressionError) as error:
            return self._switch_off(record, error)
        if decision.tick is None:
            return Planned(decision.record, Batch(triggers=[decision.record]))
        try:
            variables = await self._agreed(rule, decision)
        except (BatutaError, expr.ExpressionError) as error:
            return self._fail(rule, decision, error)
        if variables is None:
            return Planned(decision.record, Batch(triggers=[decision.record]))
        return await self._launch(rule, decision, variables)

    async def _decide(self, record: TriggerRecord, rule: Rule) -> Decision:
        now = self._clock.now()
        # A tick of the time before this process, which nobody has looked at.
        is_missed = (
            record.next_at is not None
            and record.next_at < self._began
            and (record.evaluated_at or record.created_at) < self._began
        )

        def make(facts: expr.Facts) -> Decision:
            schedule = Schedule(rule, self._world, facts, self._world.options(now))
            found = after_end(record, schedule, now) if is_missed else record
            return decide(found, schedule, now)

        return await with_facts(self._lookups, rule.flow.namespace, make)

    async def _agreed(self, rule: Rule, decision: Decision) -> dict[str, Any] | None:
        """What the execution is told, if all conditions hold."""
        tick = decision.tick
        assert tick is not None
        options = self._world.options(self._clock.now())

        def make(facts: expr.Facts) -> dict[str, Any] | None:
            schedule = Schedule(rule, self._world, facts, options)
            return schedule.variables(tick) if schedule.agrees(tick) else None

        return await with_facts(self._lookups, rule.flow.namespace, make)

    async def _launch(self, rule: Rule, decision: Decision, variables: dict[str, Any]) -> Planned:
        now = self._clock.now()
        tick = decision.tick
        assert tick is not None
        occasion = occasion_of(decision)
        wish = Wish(
            rule=rule,
            execution_id=ids.derived_id("tick", *rule.key, occasion),
            names=rule.names(self._world, variables),
            variables=variables,
            inputs=decision.inputs,
            labels=decision.labels,
            schedule_at=tick,
        )
        launch = await self._launcher.launch(wish, now)
        execution = launch.execution
        record = replace(decision.record, triggered_at=now)
        if execution.is_ended:
            record = stopped(record, execution)
        elif not rule.allow_concurrent:
            record = replace(record, execution_id=execution.id)
        log.info("%s starts %s for %s", rule.key, execution.id, tick.isoformat())
        batch = Batch(
            executions={execution.id: execution},
            logs=launch.lines,
            triggers=[record],
            firings=[firing(rule.key, occasion, now, execution.id)],
        )
        return Planned(record, batch, execution)

    def _fail(self, rule: Rule, decision: Decision, error: Exception) -> Planned:
        """A tick that cannot be looked at is a FAILED execution, so that people see it."""
        now = self._clock.now()
        occasion = occasion_of(decision)
        id = ids.derived_id("tick", *rule.key, occasion)
        log.warning("a condition of %s failed: %s", rule.key, error)
        execution, line = failure(rule, id, f"The conditions of the trigger failed: {error}", now)
        record = stopped(replace(decision.record, triggered_at=now), execution)
        batch = Batch(
            executions={id: execution},
            logs=[line],
            triggers=[record],
            firings=[firing(rule.key, occasion, now, id)],
        )
        return Planned(record, batch, execution)

    def _switch_off(self, record: TriggerRecord, error: Exception) -> Planned:
        log.warning("%s cannot be evaluated and is switched off: %s", record.key, error)
        off = replace(record, disabled=True, next_at=None, updated_at=self._clock.now())
        return Planned(off, Batch(triggers=[off]))

    # Hints

    async def _listen(self, hints: AsyncIterator[Any]) -> None:
        async for hint in hints:
            try:
                match hint:
                    case FlowSaved():
                        await self._read_flow(FlowKey(hint.namespace, hint.flow_id))
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

    async def _next_at(self, record: TriggerRecord) -> TriggerRecord:
        """The record after the end of its execution, with its next date."""
        rule = await self._rules.of(record.key)
        if rule is None:
            return record
        try:
            return await self._after_end(record, rule)
        except (BatutaError, expr.ExpressionError) as error:
            log.warning("%s cannot be evaluated: %s", record.key, error)
            return record

    async def _after_end(self, record: TriggerRecord, rule: Rule) -> TriggerRecord:
        now = self._clock.now()
        if record.kind is not TriggerKind.SCHEDULE or record.next_at is None or record.next_at >= now:
            return record

        def make(facts: expr.Facts) -> TriggerRecord:
            return after_end(record, Schedule(rule, self._world, facts, self._world.options(now)), now)

        return await with_facts(self._lookups, rule.flow.namespace, make)

    # Flows

    async def _read_flows(self) -> None:
        """Every flow with a revision that was not read."""
        for key in await self._store.triggers.unread_flows():
            await self._read_flow(key)

    async def _read_flow(self, key: FlowKey) -> None:
        """Bring the records of a flow up to its newest revision."""
        for _ in range(TRIES):
            now = self._clock.now()
            latest = await self._rules.latest(key)
            if latest is None:
                return
            found = reconcile(latest, await self._store.triggers.of_flow(key), now)
            batch = Batch(
                triggers=[*found.changed, *[await self._begun(record) for record in found.fresh]],
                removed_triggers=found.removed,
                removed_trigger_jobs=found.stopped,
                read_flows=[ReadFlow(key.namespace, key.id, latest.revision, found.listens)],
            )
            if latest.deleted:
                batch.removed_windows.append((key.namespace, key.id, None))
            try:
                await self._store.commit(batch)
            except Outdated:
                continue
            await self._ports.bus.publish(TriggersChanged())
            if batch.removed_trigger_jobs or batch.removed_triggers:
                await self._ports.bus.publish(TriggerJobsChanged())
            await self.reactions.follow(key, listens=found.listens)
            return
        log.warning("the triggers of %s are being changed by others", key)

    async def _begun(self, record: TriggerRecord) -> TriggerRecord:
        """A record that begins: its first tick is the next one, seen from when its flow was read."""
        now = record.updated_at
        latest = await self._rules.latest(record.key.flow)
        rule = None if latest is None else latest.rules.get(record.trigger_id)
        if rule is None or record.disabled:
            return replace(record, next_at=None)
        if record.kind is not TriggerKind.SCHEDULE:
            return replace(record, next_at=now)

        def make(facts: expr.Facts) -> TriggerRecord:
            schedule = Schedule(rule, self._world, facts, self._world.options(now))
            after = schedule.filtered.next_after(now)
            return replace(record, next_at=after or now + timedelta(days=365))

        try:
            return await with_facts(self._lookups, rule.flow.namespace, make)
        except (BatutaError, expr.ExpressionError) as error:
            log.warning("%s cannot be evaluated and is switched off: %s", record.key, error)
            return replace(record, disabled=True, next_at=None)

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
                    await self._read_flows()
                    await self._locks.find()
                if self._clock.monotonic() - purged_at >= 86_400:
                    purged_at = self._clock.monotonic()
                    await self._store.triggers.purge_firings(self._clock.now() - KEEP_FIRINGS)
            except Exception:
                # The border of the loop; it looks again.
                log.exception("the scheduler could not look around")


def occasion_of(decision: Decision) -> str:
    """The name of a tick among all that the trigger deals with."""
    assert decision.tick is not None
    date = decision.tick.isoformat()
    return f"{decision.series}:{date}" if decision.series else date


def firing(key: TriggerKey, occasion: str, at: Any, execution_id: str | None) -> Firing:
    """The row that makes an occasion unique."""
    return Firing(
        namespace=key.namespace,
        flow_id=key.flow_id,
        trigger_id=key.trigger_id,
        occasion=occasion,
        at=at,
        execution_id=execution_id,
    )

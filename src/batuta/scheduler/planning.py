"""What shall be written about a record that is due. Nothing is written here (triggers spec A2.3, A3.3)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from batuta import expr, ids
from batuta.clock import Clock
from batuta.errors import BatutaError, StoreError
from batuta.firing.failures import failure
from batuta.firing.launching import Launcher, Wish
from batuta.firing.rules import Rule, Schedule
from batuta.firing.scene import with_facts
from batuta.firing.sources import RuleSource
from batuta.model.execution import Execution
from batuta.model.trigger import Firing, TriggerJob, TriggerKey, TriggerKind, TriggerRecord
from batuta.scheduler.decide import Decision, after_end, decide
from batuta.scheduler.locks import stopped
from batuta.store.batch import Batch

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


class Planner:
    """Decides about records, each by itself."""

    def __init__(self, rules: RuleSource, launcher: Launcher, clock: Clock) -> None:
        self._rules = rules
        self._launcher = launcher
        self._clock = clock
        self._began = clock.now()

    async def plan(self, record: TriggerRecord) -> Planned:
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
            schedule = self._schedule(rule, facts, now)
            found = after_end(record, schedule, now) if is_missed else record
            return decide(found, schedule, now)

        return await with_facts(self._launcher.lookups, rule.flow.namespace, make)

    async def _agreed(self, rule: Rule, decision: Decision) -> dict[str, Any] | None:
        """What the execution is told, if all conditions hold."""
        tick = decision.tick
        assert tick is not None
        now = self._clock.now()

        def make(facts: expr.Facts) -> dict[str, Any] | None:
            schedule = self._schedule(rule, facts, now)
            return schedule.variables(tick) if schedule.agrees(tick) else None

        return await with_facts(self._launcher.lookups, rule.flow.namespace, make)

    async def _launch(self, rule: Rule, decision: Decision, variables: dict[str, Any]) -> Planned:
        now = self._clock.now()
        tick = decision.tick
        assert tick is not None
        occasion = occasion_of(decision)
        wish = Wish(
            rule=rule,
            execution_id=ids.derived_id("tick", *rule.key, occasion),
            names=rule.names(self._launcher.world, variables),
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

    async def after_end_of(self, record: TriggerRecord) -> TriggerRecord:
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
            return after_end(record, self._schedule(rule, facts, now), now)

        return await with_facts(self._launcher.lookups, rule.flow.namespace, make)

    def _schedule(self, rule: Rule, facts: expr.Facts, now: datetime) -> Schedule:
        world = self._launcher.world
        return Schedule(rule, world, facts, world.options(now))

    async def begun(self, record: TriggerRecord) -> TriggerRecord:
        """A record that begins: its first tick is the next one, seen from when its flow was read."""
        now = record.updated_at
        latest = await self._rules.latest(record.key.flow)
        rule = None if latest is None else latest.rules.get(record.trigger_id)
        if rule is None or record.disabled:
            return replace(record, next_at=None)
        if record.kind is not TriggerKind.SCHEDULE:
            return replace(record, next_at=now)

        def make(facts: expr.Facts) -> TriggerRecord:
            schedule = self._schedule(rule, facts, now)
            after = schedule.filtered.next_after(now)
            return replace(record, next_at=after or now + timedelta(days=365))

        try:
            return await with_facts(self._launcher.lookups, rule.flow.namespace, make)
        except (BatutaError, expr.ExpressionError) as error:
            log.warning("%s cannot be evaluated and is switched off: %s", record.key, error)
            return replace(record, disabled=True, next_at=None)


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

"""What comes of the evaluation of a trigger, written in one transaction.

That is the execution, the record of the trigger with its next date, what it remembers, the end of the job.
A worker that has lost the job meanwhile writes nothing (triggers spec A2.3, A8, A9).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from batuta import ids
from batuta.bus.port import ExecutionChanged, TriggersChanged, TriggerStarted
from batuta.engine.events import ExecutionCreated
from batuta.errors import AlreadyFired, BatutaError, Conflict, Outdated
from batuta.firing.failures import failure
from batuta.firing.launching import Launch, Launcher, Wish
from batuta.firing.rules import Rule
from batuta.firing.troubles import troubled, well
from batuta.model.execution import Execution
from batuta.model.records import KvEntry, KvType, LogLine
from batuta.model.task import LogLevel
from batuta.model.trigger import Firing, TriggerJob, TriggerKey, TriggerRecord
from batuta.plugin.trigger import Found
from batuta.ports import Ports
from batuta.store.batch import Batch
from batuta.worker.backoff import wait_seconds
from batuta.worker.looking import state_key

TRIES = 10
NOTE_SECONDS = 1.0
"""How far the record of a realtime trigger may lag behind its last message."""

log = logging.getLogger(__name__)
Change = Callable[[TriggerRecord], TriggerRecord]


class LostJob(Exception):
    """Another worker has the job now, or nobody wants it any more: whatever came of it is dropped."""


class Answers:
    """Writes down what came of evaluations."""

    def __init__(self, ports: Ports, launcher: Launcher) -> None:
        self._ports = ports
        self._store = ports.store
        self._launcher = launcher

    # Looks

    async def found(self, job: TriggerJob, rule: Rule, execution_id: str, found: Found) -> None:
        """A look is over: start the flow, if anything was found.

        Raises:
            LostJob: nothing was written.
        """
        now = self._ports.clock.now()
        batch = Batch(kv=_remembered(rule.key, found, now))
        execution: Execution | None = None
        if found.variables is not None:
            launch = await self._launched(rule, execution_id, _variables(found), now, found.secrets)
            execution = launch.execution
            batch.logs += launch.lines
            _note(batch, rule.key, found.occasions or (execution_id,), execution_id, now)
        try:
            await self._end_look(job, rule, execution, batch, lambda record: well(record))
        except AlreadyFired:
            # Another look was faster, and this trigger has not asked what was dealt with: it looks again.
            log.info("%s has found what was dealt with before", rule.key)
            await self._end_look(job, rule, None, Batch(), lambda record: well(record))
            return
        if found.settle is not None:
            await self._settle(rule, found)

    async def _settle(self, rule: Rule, found: Found) -> None:
        assert found.settle is not None
        try:
            await found.settle()
        except Exception as error:
            # The border to code of plugins. What was not settled is found again, and known.
            log.warning("%s could not settle what it found: %s", rule.key, error)
            now = self._ports.clock.now()
            message = f"What was found could not be settled with its source, which is tried again: {error}"
            await self._store.commit(Batch(logs=[line_of(rule.key, LogLevel.WARN, message, now)]))

    async def refused(self, job: TriggerJob, rule: Rule) -> None:
        """The conditions do not hold: there was no look."""
        await self._end_look(job, rule, None, Batch(), lambda record: record)

    async def look_failed(self, job: TriggerJob, rule: Rule, problem: str, *, fails: bool) -> None:
        """It could not look: it waits, longer each time; with `fails` people see a FAILED execution."""
        now = self._ports.clock.now()
        log.warning("%s could not look: %s", rule.key, problem)
        batch = Batch(logs=[line_of(rule.key, LogLevel.WARN, f"The trigger could not look: {problem}", now)])
        execution: Execution | None = None
        if fails:
            execution_id = ids.random_id()
            execution, line = failure(rule, execution_id, f"The trigger failed: {problem}", now)
            batch.logs.append(line)
            _note(batch, rule.key, (execution_id,), execution_id, now)
        await self._end_look(job, rule, execution, batch, lambda record: troubled(record, problem, now))

    async def _end_look(
        self, job: TriggerJob, rule: Rule, execution: Execution | None, batch: Batch, change: Change
    ) -> None:
        now = self._ports.clock.now()
        batch.ended_trigger_jobs.append((job.key, job.token))

        def after(record: TriggerRecord) -> TriggerRecord:
            record = change(record)
            wait = rule.interval
            if record.failing_since is not None:
                wait = max(wait, timedelta(seconds=wait_seconds(record.failures)))
            record = replace(
                record,
                evaluating_since=None,
                evaluated_at=now,
                updated_at=now,
                date=now,
                next_at=None if record.disabled else now + wait,
            )
            return record if execution is None else started(record, rule, execution, now)

        record = await self._write(job, after, execution, batch)
        if execution is not None and (record.execution_id == execution.id or record.stop_after):
            await self._ports.bus.publish(TriggerStarted(**job.key._asdict(), execution_id=execution.id))
        else:
            await self._ports.bus.publish(TriggersChanged())

    # Messages

    async def message(
        self, job: TriggerJob, rule: Rule, variables: dict[str, Any], occasion: str | None, *, note: bool
    ) -> bool:
        """Start the flow for a message; False when that was done before. `note` that in the record.

        Raises:
            LostJob: nothing was written.
        """
        now = self._ports.clock.now()
        if occasion is not None and await self._store.triggers.has_fired(rule.key, occasion):
            return False
        execution_id = ids.random_id() if occasion is None else ids.derived_id("message", *rule.key, occasion)
        launch = await self._launched(rule, execution_id, variables, now)
        batch = Batch(logs=launch.lines, held_trigger_jobs=[(job.key, job.token)])
        _note(batch, rule.key, (occasion or execution_id,), execution_id, now)
        execution = launch.execution
        stops = execution.state.current in rule.stop_after
        if stops:
            batch.held_trigger_jobs, batch.ended_trigger_jobs = [], batch.held_trigger_jobs

        def noted(record: TriggerRecord) -> TriggerRecord:
            record = _noted(record, execution, now)
            return replace(record, evaluating_since=None) if stops else record

        try:
            await self._write(job, noted if note or stops else None, execution, batch)
        except AlreadyFired:
            return False
        if stops:
            raise LostJob
        if rule.stop_after:
            await self._ports.bus.publish(TriggerStarted(**rule.key._asdict(), execution_id=execution_id))
        return True

    async def listening(self, job: TriggerJob) -> None:
        """The source is reached, possibly again."""
        record = await self._store.triggers.get(job.key)
        if record is None or record.failing_since is None:
            return
        now = self._ports.clock.now()
        log.info("%s listens again", job.key)
        message = f"The trigger listens again; it could not since {record.failing_since.isoformat()}"
        batch = Batch(
            logs=[line_of(job.key, LogLevel.INFO, message, now)],
            held_trigger_jobs=[(job.key, job.token)],
        )
        await self._write(job, lambda record: replace(well(record), updated_at=now), None, batch)

    async def listening_failed(self, job: TriggerJob, rule: Rule, problem: str, *, fails: bool) -> None:
        """It cannot listen; with `fails` people see a FAILED execution, once until it listens again."""
        now = self._ports.clock.now()
        log.warning("%s cannot listen: %s", rule.key, problem)
        level = LogLevel.ERROR if fails else LogLevel.WARN
        batch = Batch(
            logs=[line_of(rule.key, level, f"The trigger cannot listen and waits: {problem}", now)],
            held_trigger_jobs=[(job.key, job.token)],
        )
        record = await self._store.triggers.get(job.key)
        execution: Execution | None = None
        if fails and record is not None and record.problem != problem:
            execution_id = ids.random_id()
            execution, line = failure(rule, execution_id, f"The trigger failed: {problem}", now)
            batch.logs.append(line)
            _note(batch, rule.key, (execution_id,), execution_id, now)
        await self._write(job, lambda record: troubled(record, problem, now), execution, batch)

    async def drop(self, job: TriggerJob) -> None:
        """The trigger is gone or disabled: the job ends, and the record says so."""
        now = self._ports.clock.now()
        batch = Batch(ended_trigger_jobs=[(job.key, job.token)])
        if await self._store.triggers.get(job.key) is None:
            with suppress(Outdated):
                await self._store.commit(batch)
            return
        await self._write(
            job, lambda record: replace(record, evaluating_since=None, updated_at=now), None, batch
        )

    # Both

    async def _launched(
        self,
        rule: Rule,
        execution_id: str,
        variables: dict[str, Any],
        now: datetime,
        secrets: tuple[str, ...] = (),
    ) -> Launch:
        names = rule.names(self._launcher.world, variables)
        wish = Wish(rule=rule, execution_id=execution_id, names=names, variables=variables, secrets=secrets)
        return await self._launcher.launch(wish, now)

    async def _write(
        self, job: TriggerJob, change: Change | None, execution: Execution | None, batch: Batch
    ) -> TriggerRecord:
        """Commit a batch with the record changed; again when somebody else changes the record meanwhile."""
        if execution is not None:
            batch.executions[execution.id] = execution
        for _ in range(TRIES):
            record = await self._store.triggers.get(job.key)
            if record is None or record.evaluating_since != job.since:
                raise LostJob
            if change is not None:
                record = change(record)
                batch.triggers = [record]
            try:
                if execution is None or execution.is_ended:
                    await self._store.commit(batch)
                else:
                    await self._ports.inbox.accept(ExecutionCreated(execution_id=execution.id), batch=batch)
            except Outdated:
                held = await self._store.triggers.job(job.key)
                if held is None or held.token != job.token:
                    raise LostJob from None
                continue
            if execution is not None:
                hint = ExecutionChanged(execution_id=execution.id, settled=execution.settled)
                await self._ports.bus.publish(hint)
            return record
        raise Conflict(f"the trigger {job.key} is being changed by others")


def started(record: TriggerRecord, rule: Rule, execution: Execution, now: datetime) -> TriggerRecord:
    """The record of a trigger that has started an execution, which locks it."""
    record = _noted(record, execution, now)
    is_locking = not record.disabled and not execution.is_ended and not rule.allow_concurrent
    return replace(record, execution_id=execution.id) if is_locking else record


def _noted(record: TriggerRecord, execution: Execution, now: datetime) -> TriggerRecord:
    record = replace(record, triggered_at=now, updated_at=now)
    if execution.state.current in record.stop_after:
        return replace(record, disabled=True, next_at=None)
    return record


def line_of(key: TriggerKey, level: LogLevel, message: str, at: datetime) -> LogLine:
    """A line of the log of a trigger itself, which belongs to no execution."""
    return LogLine(
        execution_id="",
        namespace=key.namespace,
        flow_id=key.flow_id,
        at=at,
        level=level,
        message=message,
        trigger_id=key.trigger_id,
    )


def reason(error: Exception) -> str:
    """What went wrong, for people."""
    return str(error) if isinstance(error, BatutaError) else f"{type(error).__name__}: {error}"


def _variables(found: Found) -> dict[str, Any]:
    assert isinstance(found.variables, dict)
    return found.variables


def _remembered(key: TriggerKey, found: Found, now: datetime) -> list[KvEntry]:
    if found.state is None:
        return []
    return [
        KvEntry(
            namespace=key.namespace,
            key=found.state_key or state_key(key),
            type=KvType.JSON,
            value=found.state,
            created_at=now,
            updated_at=now,
            expires_at=None if found.state_ttl is None else now + found.state_ttl,
        )
    ]


def _note(
    batch: Batch, key: TriggerKey, occasions: tuple[str, ...], execution_id: str, now: datetime
) -> None:
    for occasion in occasions:
        batch.firings.append(Firing(**key._asdict(), occasion=occasion, at=now, execution_id=execution_id))

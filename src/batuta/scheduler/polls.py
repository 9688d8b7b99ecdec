"""Polling triggers: who looks, and what is written before and after a look (triggers spec A8)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from msgspec.structs import replace

from batuta import expr, ids
from batuta.bus.port import ExecutionChanged
from batuta.engine.events import ExecutionCreated
from batuta.errors import BatutaError, Conflict, Outdated
from batuta.firing.launching import Launcher, Wish
from batuta.firing.rules import Rule
from batuta.firing.scene import with_facts
from batuta.model.execution import Execution
from batuta.model.records import LogLine
from batuta.model.trigger import Firing, TriggerKey, TriggerRecord
from batuta.ports import Ports
from batuta.scheduler.failures import failure
from batuta.store.batch import Batch

MOST_AT_ONCE = 16
"""Most looks at the same time."""
TRIES = 5

log = logging.getLogger(__name__)


class Looks(Protocol):
    """Whoever looks on behalf of a trigger."""

    async def poll(self, rule: Rule, execution_id: str) -> dict[str, Any] | None:
        """What was found; None for nothing. Raises where it could not look."""


class Polls:
    """Looks under way. A record says that one is, so that no second one begins."""

    def __init__(
        self,
        ports: Ports,
        launcher: Launcher,
        looks: Looks,
        *,
        locked: Callable[[str, TriggerKey], None],
        over: Callable[[], None],
    ) -> None:
        self._ports = ports
        self._store = ports.store
        self._launcher = launcher
        self._looks = looks
        self._locked = locked
        self._over = over
        self._under_way: dict[TriggerKey, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def recover(self) -> None:
        """Looks of an earlier process are over: they begin anew."""
        for record in await self._store.triggers.evaluating():
            await self._store.commit(Batch(triggers=[replace(record, evaluating_since=None)]))

    def begin(self, rule: Rule, since: datetime) -> None:
        """Look, now that the record says so."""
        self.cancel(rule.key)
        task = asyncio.create_task(self._look(rule, since), name=f"poll {rule.key}")
        self._under_way[rule.key] = task
        task.add_done_callback(lambda done: self._forget(rule.key, done))

    def _forget(self, key: TriggerKey, task: asyncio.Task[None]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]

    def cancel(self, key: TriggerKey) -> None:
        """Stop a look whose trigger was changed."""
        task = self._under_way.get(key)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Stop all looks."""
        for task in list(self._under_way.values()):
            task.cancel()

    async def _look(self, rule: Rule, since: datetime) -> None:
        execution_id = ids.random_id()
        found: dict[str, Any] | None = None
        problem: str | None = None
        async with self._room:
            try:
                if await self._agrees(rule):
                    found = await self._looks.poll(rule, execution_id)
            except (BatutaError, expr.ExpressionError) as error:
                problem = str(error)
            except Exception as error:
                # The border to code of plugins.
                log.exception("a look of %s failed", rule.key)
                problem = f"{type(error).__name__}: {error}"
        try:
            await self._finish(rule, since, execution_id, found, problem)
        except BatutaError as error:
            log.error("what %s found was not written: %s", rule.key, error)
        self._over()

    async def _agrees(self, rule: Rule) -> bool:
        """The conditions hold."""
        if not rule.conditions and rule.when is None:
            return True
        world = self._launcher.world
        options = world.options(self._ports.clock.now())

        def make(facts: expr.Facts) -> bool:
            now = self._ports.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
            names = rule.names(world, {"id": rule.definition.id, "type": rule.definition.type, "date": now})
            scene = rule.scene(names, facts, options)
            if rule.when is not None and not expr.is_truthy_text((scene.render(rule.when) or "").strip()):
                return False
            return all(scene.holds(each) for each in rule.conditions)

        return await with_facts(self._launcher.lookups, rule.flow.namespace, make)

    async def _finish(
        self,
        rule: Rule,
        since: datetime,
        execution_id: str,
        found: dict[str, Any] | None,
        problem: str | None,
    ) -> None:
        """Write what came of a look, unless the trigger has been changed meanwhile."""
        now = self._ports.clock.now()
        execution: Execution | None = None
        lines: list[LogLine] = []
        if problem is not None:
            log.warning("%s could not look: %s", rule.key, problem)
            if rule.fail_on_error:
                execution, line = failure(rule, execution_id, f"The trigger failed: {problem}", now)
                lines = [line]
        elif found is not None:
            wish = Wish(
                rule=rule,
                execution_id=execution_id,
                names=rule.names(self._launcher.world, found),
                variables=found,
            )
            launch = await self._launcher.launch(wish, now)
            execution, lines = launch.execution, launch.lines
        for _ in range(TRIES):
            record = await self._store.triggers.get(rule.key)
            if record is None or record.evaluating_since != since:
                return
            try:
                await self._write(rule, _after(record, rule, execution, now), execution, lines)
            except Outdated:
                continue
            return
        raise Conflict(f"the trigger {rule.key} is being changed by others")

    async def _write(
        self, rule: Rule, record: TriggerRecord, execution: Execution | None, lines: list[LogLine]
    ) -> None:
        batch = Batch(triggers=[record])
        if execution is None:
            await self._store.commit(batch)
            return
        batch.executions[execution.id] = execution
        batch.logs += lines
        batch.firings.append(
            Firing(
                namespace=rule.key.namespace,
                flow_id=rule.key.flow_id,
                trigger_id=rule.key.trigger_id,
                occasion=execution.id,
                at=self._ports.clock.now(),
                execution_id=execution.id,
            )
        )
        if execution.is_ended:
            await self._store.commit(batch)
        else:
            await self._ports.inbox.accept(ExecutionCreated(execution_id=execution.id), batch=batch)
        if record.execution_id is not None:
            self._locked(record.execution_id, record.key)
        await self._ports.bus.publish(ExecutionChanged(execution_id=execution.id, settled=execution.settled))


def _after(record: TriggerRecord, rule: Rule, execution: Execution | None, now: datetime) -> TriggerRecord:
    """The record after a look."""
    record = replace(
        record,
        evaluating_since=None,
        evaluated_at=now,
        updated_at=now,
        date=now,
        next_at=now + rule.interval,
    )
    if execution is None:
        return record
    record = replace(record, triggered_at=now)
    if execution.state.current in record.stop_after:
        return replace(record, disabled=True, next_at=None)
    is_locking = not execution.is_ended and not rule.allow_concurrent
    return replace(record, execution_id=execution.id) if is_locking else record

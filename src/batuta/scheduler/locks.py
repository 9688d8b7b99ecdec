"""Executions whose end concerns their trigger: it is locked until then, or stops (triggers spec A2.4)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from batuta.errors import Outdated
from batuta.firing import changes
from batuta.model.execution import Execution
from batuta.model.trigger import TriggerKey, TriggerRecord
from batuta.ports import Ports

UNKNOWN_SECONDS = 60.0
"""An execution that locks a trigger and does not exist is told after this time."""
TRIES = 5
"""How often a change is tried again that lost a race."""

log = logging.getLogger(__name__)


class Locks:
    """Which execution concerns which trigger, and what its end does to the record.

    `next_at` gives the record its next date after the end; `changed` is called when a record was.
    """

    def __init__(
        self,
        ports: Ports,
        next_at: Callable[[TriggerRecord], Awaitable[TriggerRecord]],
        changed: Callable[[], None],
    ) -> None:
        self._clock = ports.clock
        self._store = ports.store
        self._next_at = next_at
        self._changed = changed
        self._watched: dict[str, TriggerKey] = {}

    def watch(self, execution_id: str, key: TriggerKey) -> None:
        """The end of an execution will concern a trigger."""
        self._watched[execution_id] = key

    def concerns(self, execution_id: str) -> bool:
        """The end of an execution concerns a trigger."""
        return execution_id in self._watched

    async def load(self) -> None:
        """Find the executions that concern triggers, of this process and of others before it."""
        await self.find()
        stopping: dict[TriggerKey, bool] = {}
        for execution in await self._store.executions.unsettled():
            if execution.trigger is None or execution.id in self._watched:
                continue
            key = TriggerKey(execution.namespace, execution.flow_id, execution.trigger.id)
            if key not in stopping:
                record = await self._store.triggers.get(key)
                stopping[key] = record is not None and bool(record.stop_after)
            if stopping[key]:
                self.watch(execution.id, key)
        await self.sweep()

    async def find(self) -> None:
        """Find the locks; and open the other one where there is no evaluation behind it."""
        for record in await self._store.triggers.locked():
            if record.execution_id is not None:
                self.watch(record.execution_id, record.key)
        for record in await self._store.triggers.evaluating():
            if await self._store.triggers.job(record.key) is not None:
                continue
            now = self._clock.now()
            begun = replace(record, evaluating_since=None, next_at=record.next_at or now, updated_at=now)
            with suppress(Outdated):
                await self._store.commit(changes.written(record, begun))
            self._changed()

    async def look(self, execution_id: str) -> None:
        """Deal with the end of an execution, if it has ended."""
        execution = await self._store.executions.get(execution_id)
        if execution is None or not execution.is_ended:
            return
        key = self._watched.get(execution_id)
        if key is None:
            return  # somebody else was faster
        for _ in range(TRIES):
            record = await self._store.triggers.get(key)
            after = None if record is None else await self._after(record, execution)
            if record is None or after is None:
                self._watched.pop(execution_id, None)
                return
            try:
                await self._store.commit(changes.written(record, after))
            except Outdated:
                continue
            self._watched.pop(execution_id, None)
            self._changed()
            return

    async def _after(self, record: TriggerRecord, execution: Execution) -> TriggerRecord | None:
        """The record after the end of an execution; None where that leaves it as it is."""
        after = stopped(record, execution)
        if record.execution_id != execution.id:
            return None if after is record else replace(after, updated_at=self._clock.now())
        after = replace(after, execution_id=None, updated_at=self._clock.now())
        return after if after.next_at is None else await self._next_at(after)

    async def sweep(self) -> None:
        """Look at all of them; hints may have been lost."""
        for execution_id, key in list(self._watched.items()):
            execution = await self._store.executions.get(execution_id)
            if execution is not None:
                if execution.is_ended:
                    await self.look(execution_id)
                continue
            record = await self._store.triggers.get(key)
            if record is None or record.execution_id != execution_id:
                self._watched.pop(execution_id, None)
            elif (self._clock.now() - record.updated_at).total_seconds() > UNKNOWN_SECONDS:
                log.warning("execution %s not found, schedule %s is blocked; unlock it", execution_id, key)


def stopped(record: TriggerRecord, execution: Execution) -> TriggerRecord:
    """Switched off, its evaluation given up, if the execution ended in a state that says so."""
    if execution.state.current in record.stop_after:
        return replace(record, disabled=True, next_at=None, evaluating_since=None)
    return record

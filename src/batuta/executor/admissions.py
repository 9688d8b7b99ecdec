"""Slots of concurrency limits: what the store granted becomes events, and what is free is offered to queues.

An offer may be lost and may be made in vain: the store counts rows, and the sweep offers again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.executor.inbox import ExecutorInbox, Item
from batuta.model.flow import FlowKey
from batuta.model.state import State
from batuta.store.batch import Batch
from batuta.store.port import Store

MOST_OFFERS = 100
"""Most queued executions of one flow that a sweep offers a slot."""


class Admissions:
    """Lets executions in."""

    def __init__(self, store: Store, inbox: ExecutorInbox) -> None:
        self._store = store
        self._inbox = inbox
        self._queues: set[FlowKey] = set()
        """Flows of which executions are queued, as far as this process has seen."""

    async def answer(self, asked: Mapping[str, do.AcquireSlot], batch: Batch) -> None:
        """Send what became of the slots that a durable batch asked for, and offer those that it freed."""
        for execution_id, command in asked.items():
            if execution_id in batch.granted:
                self._send(on.SlotGranted(execution_id=execution_id))
            else:
                self._send(
                    on.SlotRefused(execution_id=execution_id, limit=command.limit, behavior=command.behavior)
                )
        free: Counter[FlowKey] = Counter()
        for execution in batch.executions.values():
            moments = execution.state.moments
            if moments[-1].state is State.QUEUED:
                # A slot may have been freed since it was refused one.
                self._queues.add(execution.flow_key)
                free[execution.flow_key] += 1
            elif execution.settled or (len(moments) > 1 and moments[-2].state is State.QUEUED):
                free[execution.flow_key] += 1
        for key in [key for key in free if key in self._queues]:
            await self._offer(key, free[key] + 1)

    async def offer_everywhere(self) -> None:
        """Offer slots to every queue: of executions that were deleted, of limits that were changed."""
        queues = await self._store.executions.queues()
        self._queues = set(queues)
        for key in queues:
            await self._offer(key, MOST_OFFERS)

    async def _offer(self, key: FlowKey, most: int) -> None:
        queued = await self._store.executions.queued(key, most)
        for execution in queued:
            self._send(on.SlotOffered(execution_id=execution.id))
        if not queued:
            self._queues.discard(key)

    def _send(self, event: on.AnyEvent) -> None:
        self._inbox.push(Item(event=event, execution_id=event.execution_id))

"""Events that wait for a step: from this process, from the table, from timers; in order per execution."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import msgspec

from batuta.engine.commands import RunTask
from batuta.engine.events import AnyEvent, ExecutionCreated
from batuta.expr import Facts
from batuta.model.records import LogLine, Metric
from batuta.store.batch import Batch, Timer
from batuta.store.port import Store


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something to make a step of: an event, or an inline task that an earlier step left for later."""

    event: AnyEvent | None = None
    inline: RunTask | None = None
    execution_id: str
    posted_id: int | None = None
    """The row that keeps the event until its step is durable."""
    timer: Timer | None = None
    """The timer whose end the event is."""
    facts: Facts | None = None
    """Outside values that were fetched for this step."""
    lines: tuple[LogLine, ...] = ()
    """What the attempt said whose end the event is; written with the step, so that it is written once."""
    metrics: tuple[Metric, ...] = ()


class ExecutorInbox:
    """The way to the executor of this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[Item] = deque()
        self._aside: dict[str, deque[Item]] = {}
        """Items of executions whose next step waits for an outside value."""
        self._something = asyncio.Event()

    async def accept(self, *events: AnyEvent, batch: Batch | None = None) -> None:
        """Make events durable together with a batch, then queue them (see `ports.Inbox`)."""
        batch = batch or Batch()
        # A created execution is found by its own row; every other event needs one.
        kept = [event for event in events if not isinstance(event, ExecutionCreated)]
        batch.posted += kept
        first = len(batch.posted) - len(kept)
        posted = dict(zip(map(id, kept), (await self._store.commit(batch))[first:], strict=True))
        for event in events:
            self.push(Item(event=event, execution_id=event.execution_id, posted_id=posted.get(id(event))))

    async def report(self, *events: AnyEvent) -> None:
        """Queue what a worker saw (see `ports.Inbox`)."""
        for event in events:
            self.push(Item(event=event, execution_id=event.execution_id))

    def push(self, item: Item) -> None:
        """Queue an item behind all others."""
        aside = self._aside.get(item.execution_id)
        if aside is not None:
            aside.append(item)
            return
        self._waiting.append(item)
        self._something.set()

    def give_back(self, items: list[Item]) -> None:
        """Put items that could not be committed back to the front, in their order."""
        for item in reversed(items):
            aside = self._aside.get(item.execution_id)
            (self._waiting if aside is None else aside).appendleft(item)
        self._something.set()

    def set_aside(self, item: Item) -> None:
        """Hold back an item, and with it all later ones of its execution, until `resume`."""
        self._aside.setdefault(item.execution_id, deque()).append(item)

    def is_aside(self, execution_id: str) -> bool:
        """The execution's next step waits for an outside value."""
        return execution_id in self._aside

    def resume(self, execution_id: str, facts: Facts) -> None:
        """Queue what was held back; the first item gets the facts it asked for."""
        first, *rest = self._aside.pop(execution_id)
        self._waiting.extendleft(reversed([msgspec.structs.replace(first, facts=facts), *rest]))
        self._something.set()

    async def batches(self, most: int) -> AsyncIterator[list[Item]]:
        """Groups of waiting items, forever. What comes while a group is committed is in the next one."""
        while True:
            await self._something.wait()
            items = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            if not self._waiting:
                self._something.clear()
            if items:
                yield items

    def __len__(self) -> int:
        return len(self._waiting) + sum(map(len, self._aside.values()))

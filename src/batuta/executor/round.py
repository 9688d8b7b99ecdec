"""One transaction of the executor in the making."""

from __future__ import annotations

from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.executor.inbox import Item
from batuta.executor.plan import Aftermath
from batuta.store.batch import Batch

MOST_INLINE = 512
"""Most inline attempts in one transaction; more would keep everybody else waiting."""


class Round:
    """Its rows, whom to tell once they are durable, and what comes next."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.batch = Batch()
        self.inline_left = MOST_INLINE
        self.stopped: list[str] = []
        """Task runs whose attempts shall stop."""
        self.has_jobs = False
        self.logged: set[str] = set()
        """Executions that have new log lines."""
        self.changed: dict[str, None] = {}
        """Executions that have new rows, in the order of their steps."""
        self.next: list[Item] = []
        """Items to make steps of once this round is durable."""
        self.slots: dict[str, do.AcquireSlot] = {}
        """Slots asked for, by execution."""
        self.posted: list[on.AnyEvent] = []
        """Events for other executions, kept as rows of this round."""

    def take_in(self, item: Item) -> None:
        """The item's step is part of this round: what kept the item goes with it."""
        if item.posted_id is not None:
            self.batch.consumed.append(item.posted_id)
        if item.timer is not None:
            self.batch.elapsed_timers.append(item.timer)
        if item.lines:
            self.batch.logs += item.lines
            self.logged.add(item.execution_id)
        self.batch.metrics += item.metrics
        match item.event:
            case on.TaskRunFinished() | on.TaskRunLost():
                self.batch.ended_jobs.append((item.event.task_run_id, item.event.token))

    def note(self, execution_id: str, after: Aftermath) -> None:
        """Remember whom an execution's step concerns."""
        self.changed[execution_id] = None
        self.stopped += after.stopped
        self.has_jobs |= after.has_jobs
        if after.slot is not None:
            self.slots[execution_id] = after.slot
        if after.has_logs:
            self.logged.add(execution_id)

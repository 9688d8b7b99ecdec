"""Delays that are over: retries, pauses, loops, planned starts."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable
from datetime import datetime

from batuta.clock import Clock
from batuta.engine.events import DelayElapsed
from batuta.executor.inbox import ExecutorInbox, Item
from batuta.store.batch import Timer

LONGEST_NAP_SECONDS = 3600.0
"""The clock of the machine may be set; so no wait is longer than this."""

_Key = tuple[str, str | None, str]


class Timers:
    """All timers of the executions of this process; their rows in the store are the truth."""

    def __init__(self, clock: Clock, inbox: ExecutorInbox) -> None:
        self._clock = clock
        self._inbox = inbox
        self._due: list[tuple[datetime, int, _Key]] = []
        self._by_execution: dict[str, dict[tuple[str | None, str], Timer]] = {}
        self._count = 0
        self._changed = asyncio.Event()

    def set(self, timers: Iterable[Timer]) -> None:
        """Add timers, or set them anew."""
        for timer in timers:
            key = (timer.execution_id, timer.task_run_id, timer.timer)
            self._by_execution.setdefault(timer.execution_id, {})[key[1:]] = timer
            self._count += 1
            heapq.heappush(self._due, (timer.at, self._count, key))
            self._changed.set()

    def cancel(self, cancelled: Iterable[tuple[str, str | None]]) -> None:
        """Forget the timers of a task run, or of a whole execution."""
        for execution_id, task_run_id in cancelled:
            if task_run_id is None:
                self._by_execution.pop(execution_id, None)
                continue
            timers = self._by_execution.get(execution_id, {})
            for key in [key for key in timers if key[0] == task_run_id]:
                self._drop(execution_id, key)

    def _drop(self, execution_id: str, key: tuple[str | None, str]) -> None:
        timers = self._by_execution[execution_id]
        del timers[key]
        if not timers:
            del self._by_execution[execution_id]

    async def run(self) -> None:
        """Send `DelayElapsed` for each timer when it is due."""
        while True:
            self._changed.clear()
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                at, _, key = heapq.heappop(self._due)
                timer = self._by_execution.get(key[0], {}).get(key[1:])
                if timer is not None and timer.at == at:
                    self._drop(key[0], key[1:])
                    self._elapse(timer)
            nap = LONGEST_NAP_SECONDS
            if self._due:
                nap = min(nap, max((self._due[0][0] - now).total_seconds(), 0.001))
            try:
                await asyncio.wait_for(self._changed.wait(), nap)
            except TimeoutError:
                continue

    def _elapse(self, timer: Timer) -> None:
        event = DelayElapsed(
            execution_id=timer.execution_id,
            task_run_id=timer.task_run_id,
            timer=timer.timer,
            token=timer.token,
        )
        self._inbox.push(Item(event=event, execution_id=timer.execution_id, timer=timer))

"""Time that takes no time: an event loop that jumps to the next timer when nothing else is left to do.

While a thread is at work the clock of the loop stands; while a process or a connection is, it goes with the
clock of the machine, so that their timeouts still end them.
"""

from __future__ import annotations

import asyncio
import contextvars
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any

_OWN_DESCRIPTORS = 1
"""File descriptors that a loop watches for itself."""
_LONGEST_LOOK_SECONDS = 0.5
"""Longest time for which the machine is asked at once whether something has happened."""


class Standstill(Exception):
    """Everything waits, and nothing will ever happen."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own, which begins at 0."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.threads = 0
        """Calls that are under way in threads."""
        self.stands_still = False
        """Everything waited, and nothing could have happened."""
        self._wake: tuple[float, Callable[[], object]] | None = None
        super().__init__(_JumpingSelector(self))

    def wake_at(self, moment: float, wake: Callable[[], object]) -> None:
        """Call `wake` once when the clock of the machine passes a moment while the loop waits for something
        outside of the program."""
        self._wake = (moment, wake)
        self.stands_still = False

    def look_at_watch(self) -> None:
        """Wake whom `wake_at` was told of, if it is time."""
        if self._wake is not None and time.monotonic() > self._wake[0]:
            wake, self._wake = self._wake[1], None
            wake()

    def stand_still(self) -> None:
        """Wake whoever can say what it is that never comes.

        Raises:
            Standstill: there is nobody.
        """
        if self._wake is None:
            raise Standstill
        wake, self._wake = self._wake[1], None
        self.stands_still = True
        wake()

    def time(self) -> float:
        """Seconds on the clock of the loop."""
        return self.seconds

    def run_in_executor(  # type: ignore[override]  # typeshed has it with a variadic type variable
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function in a thread, with the context of its caller; the clock stands meanwhile."""
        future = super().run_in_executor(executor, contextvars.copy_context().run, func, *args)
        self.threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Wait for the threads to end."""
        self.threads += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self.threads -= 1

    def _thread_done(self, _: object) -> None:
        self.threads -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Waits only for what is outside of the program."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What has happened; when nothing can, the clock is at the end of the wait at once."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        outside = len(self.get_map()) > _OWN_DESCRIPTORS
        if outside or self._loop.threads:
            longest = _LONGEST_LOOK_SECONDS if timeout is None else min(timeout, _LONGEST_LOOK_SECONDS)
            # A thread is waited for without regard to the clock of the loop, which stands.
            begun = time.monotonic()
            ready = super().select(longest if outside else _LONGEST_LOOK_SECONDS)
            if outside:
                self._loop.seconds += time.monotonic() - begun
            self._loop.look_at_watch()
            return ready
        if timeout is None:
            self._loop.stand_still()
            return []
        self._loop.seconds += timeout
        return []


class VirtualClock:
    """The clock of one test: an instant when it begins, and then what passes on the loop."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()

    def now(self) -> datetime:
        """The present instant, to the millisecond."""
        return self._start + timedelta(milliseconds=round(self.monotonic() * 1000))

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return self._loop.time() - self._begun

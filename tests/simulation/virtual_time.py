"""An event loop whose time is virtual: it does not wait, it jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Stalled(Exception):
    """Somebody waits for something that cannot happen any more: there is no timer and nothing to do."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in the order in which they were asked for, and timers in the order of their times.

    There are no sockets and no threads: what would go to a thread is done at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        self._elapsed = 0.0
        # After a virtual year a nanosecond is lost in the float: a timer that is due would never be run.
        self._clock_resolution = 1e-7

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._elapsed

    def select(self, timeout: float | None) -> tuple[()]:
        """In place of waiting for input."""
        if timeout is None:
            raise Stalled
        if timeout > 0:
            self._elapsed = max(self._elapsed, self._scheduled[0].when())
        return ()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call the function at once."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _process_events(self, event_list: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class VirtualClock:
    """The clock of a virtual loop (see `batuta.clock.Clock`)."""

    def __init__(self, loop: VirtualLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> datetime:
        """The virtual instant."""
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._loop.time()

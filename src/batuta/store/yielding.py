"""Lets threads have the interpreter while the event loop is busy.

A thread that wants the interpreter lock is woken whenever the loop lets go of it, also for the microsecond
in which the loop looks for input; by the time the thread runs, the loop has it back. Against short turns of
the loop this goes on for seconds. So while a thread works for us, the loop rests for a moment now and then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

EVERY_SECONDS = 0.002
REST_SECONDS = 0.000_1


def give_way(loop: asyncio.AbstractEventLoop, is_done: Callable[[], bool]) -> None:
    """Rest now and then until `is_done`."""

    def rest() -> None:
        if not is_done():
            time.sleep(REST_SECONDS)
            loop.call_later(EVERY_SECONDS, rest)

    loop.call_later(EVERY_SECONDS, rest)

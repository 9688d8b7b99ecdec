"""Cancellation that reaches code which loses one.

Libraries of message brokers take a cancellation for that of a task of their own, and `asyncio.wait_for` drops
one that comes in the moment its future is done. What they run in then goes on for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
AGAIN_SECONDS = 1.0
"""After so many seconds work that has not ended is cancelled again."""


async def insistently(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; when that is cancelled, cancel `work` again and again until it has ended."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        while not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=AGAIN_SECONDS)
        if not task.cancelled():
            task.exception()  # asyncio complains of what nobody has looked at
        raise
    return task.result()

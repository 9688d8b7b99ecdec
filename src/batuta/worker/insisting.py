"""Cancellation that reaches code which loses one, and work that none may interrupt.

Libraries of message brokers take a cancellation for that of a task of their own, and `asyncio.wait_for` drops
one that comes in the moment its future is done. What they run in then goes on for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
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
        await to_its_end(_stop(task))
        raise
    return task.result()


def is_asked_to_end() -> bool:
    """The task at work was cancelled; otherwise a library has let out the cancellation of one of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _stop(task: asyncio.Task[Any]) -> None:
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()  # asyncio complains of what nobody has looked at


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` whatever happens to the awaiting task; a cancellation is passed on when it is done."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.done():
                break
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()

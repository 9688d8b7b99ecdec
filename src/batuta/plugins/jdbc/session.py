"""One connection on a thread of its own: opened, worked with, interrupted when the task must stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from batuta.errors import TaskKilled
from batuta.plugins.jdbc.database import Database

D = TypeVar("D", bound=Database)
T = TypeVar("T")

_STOP_SECONDS = 0.05
_MOST_STOPS = 200


class Session(Generic[D]):
    """Runs blocking work with a connection."""

    def __init__(self, connect: Callable[[], D]) -> None:
        self._connect = connect
        self._database: D | None = None
        self._stopped = False

    async def run(self, work: Callable[[D], T]) -> T:
        """Connect, work, disconnect."""
        return await in_thread(lambda: self._perform(work), self._stop)

    def check(self) -> None:
        """Between two steps of the work: go no further when the task was asked to stop.

        Raises:
            TaskKilled: it was.
        """
        if self._stopped:
            raise TaskKilled("stopped between two statements")

    def _perform(self, work: Callable[[D], T]) -> T:
        database = self._connect()
        self._database = database
        try:
            self.check()
            return work(database)
        finally:
            self._database = None
            # What was wrong has been told; a connection that is gone cannot be closed.
            with suppress(Exception):
                database.close()

    def _stop(self) -> None:
        self._stopped = True
        database = self._database
        if database is not None:
            # The other thread may close it at this very moment.
            with suppress(Exception):
                database.interrupt()


@contextmanager
def transaction(database: Database, *, on: bool = True) -> Iterator[None]:
    """All or nothing of what is done within; with `on` false as if it were not there."""
    if not on:
        yield
        return
    database.begin()
    try:
        yield
        database.commit()
    except BaseException:
        # The first error is the one to tell; without a connection the database undoes by itself.
        with suppress(Exception):
            database.rollback()
        raise


async def in_thread(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """Run blocking work in a thread. A cancelled caller calls `stop` until the work has ended.

    Once would not do: an interrupt between two statements stops neither. The thread is the work's own, for
    statements take long, and the shared ones are few.
    """
    loop = asyncio.get_running_loop()
    running: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if running.done():
            return
        if error is not None:
            running.set_exception(error)
        else:
            running.set_result(result)  # type: ignore[arg-type]

    def body() -> None:
        result, problem = None, None
        try:
            result = work()
        except BaseException as error:
            problem = error
        # The loop is closed when the server has stopped waiting.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=body, name="sql", daemon=True).start()
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        for _ in range(_MOST_STOPS):
            if running.done():
                break
            await asyncio.to_thread(stop)
            await asyncio.wait([running], timeout=_STOP_SECONDS)
        if running.done() and not running.cancelled():
            running.exception()
        raise

"""Group commit: writes that wait at the same time share one durable transaction.

Theory of operation. `submit` queues a write. When no transaction is open, the next turn of the event loop
takes all that wait, and executes their statements right there, in slices, so that other work of the loop
goes on in between. Only then a thread is asked to commit, which is where the disk is waited for; what
arrives meanwhile makes the next group. If anything fails, the group is rolled back and each of its writes
is tried again alone, so that one bad write fails nobody else.

Why the statements run on the loop: SQLite gives up Python's interpreter lock at each step of each
statement. A thread that executes them must win it back for every row, and against a busy loop that takes
milliseconds each time. So there is one hop to the thread per group, and even for that the loop waits a
moment (`PATIENCE_SECONDS`): most commits are done by then, and the loop would keep the thread from saying
so. Writes that are slow by nature (`slow=True`: few statements, each working for long inside the database)
run in the thread as a whole, alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Protocol, TypeVar

from batuta.errors import StoreError
from batuta.store.yielding import give_way

T = TypeVar("T")

SLICE_SECONDS = 0.004
"""Most time that statements hold the event loop in one go."""

PATIENCE_SECONDS = 0.001
"""Time that the loop gives the disk before it goes on with other work."""

MOST_WRITES = 2_000
"""Most writes in one transaction, which bounds how long the first of them waits for the last."""

Write = Callable[[], Generator[None, None, T]]
"""Executes statements in the open transaction; pauses where the loop may go on, and gives a result."""


class Transactions(Protocol):
    """The connection that writes, seen from here."""

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None:
        """End the transaction if one is open. Never raises."""

    def explained(self, error: Exception) -> Exception:
        """What to raise to the caller: the database's own errors in words that help."""

    def close(self) -> None: ...


class _Work:
    """A write and whoever waits for it."""

    __slots__ = ("alone", "future", "result", "slow", "write")

    def __init__(self, write: Write[Any], future: asyncio.Future[Any], slow: bool) -> None:
        self.write = write
        self.future = future
        self.slow = slow
        self.alone = slow
        self.result: Any = None


class _Transaction:
    """A group on its way."""

    __slots__ = ("done", "failure", "group", "is_delivered", "is_finished", "is_late", "statements")

    def __init__(self, group: list[_Work], statements: Generator[None, None, None]) -> None:
        self.group = group
        self.statements = statements
        self.failure: Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()
        self.is_late = False
        """The loop goes on and wants to be called."""
        self.is_finished = False
        self.is_delivered = False


class GroupCommit:
    """The one writer of a database. Belongs to the event loop that is running when it is made."""

    def __init__(self, transactions: Transactions, *, name: str = "store-writer") -> None:
        self._transactions = transactions
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Work] = deque()
        self._busy = False
        self._closed = False
        self._jobs: SimpleQueue[_Transaction | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def submit(self, write: Write[T], *, slow: bool = False) -> T:
        """Execute a write, and return its result when it has reached the disk.

        A caller that is cancelled stops waiting; the write itself goes on.

        Raises:
            StoreError: the database refused; nothing of this write was kept.
        """
        if self._closed:
            raise StoreError("The store is closed")
        return await self._queue(write, slow)

    def _queue(self, write: Write[T], slow: bool) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append(_Work(write, future, slow))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._start)
        return future

    async def close(self) -> None:
        """Finish what was accepted, then end the thread and the connection."""
        if not self._closed:
            self._closed = True
            await self._queue(nothing, slow=True)
            self._jobs.put(None)
            self._thread.join()
            self._transactions.close()

    def _start(self) -> None:
        """Take what waits, and make a transaction of it."""
        waiting = self._waiting
        group = [waiting.popleft()]
        if not group[0].alone:
            while waiting and not waiting[0].alone and len(group) < MOST_WRITES:
                group.append(waiting.popleft())
        transaction = _Transaction(group, self._statements(group))
        if group[0].slow:
            transaction.is_late = True
            self._jobs.put(transaction)
            give_way(self._loop, lambda: transaction.is_delivered)
        else:
            self._advance(transaction)

    def _statements(self, group: list[_Work]) -> Generator[None, None, None]:
        self._transactions.begin()
        for work in group:
            work.result = yield from work.write()
            yield

    def _advance(self, transaction: _Transaction) -> None:
        """Execute statements for a slice of time; after the last one, have the thread commit."""
        until = perf_counter() + SLICE_SECONDS
        try:
            for _ in transaction.statements:
                if perf_counter() > until:
                    self._loop.call_soon(self._advance, transaction)
                    return
        except Exception as error:
            self._transactions.rollback()
            transaction.failure = error
            self._deliver(transaction)
            return
        self._jobs.put(transaction)
        if not transaction.done.acquire(timeout=PATIENCE_SECONDS):
            transaction.is_late = True
            give_way(self._loop, lambda: transaction.is_delivered)
        if transaction.is_finished:
            self._deliver(transaction)

    # -- in the thread --

    def _serve(self) -> None:
        while (transaction := self._jobs.get()) is not None:
            try:
                for _ in transaction.statements:
                    pass
                self._transactions.commit()
            except Exception as error:
                self._transactions.rollback()
                transaction.failure = error
            # Either the loop sees this and delivers, or this thread sees that it is late and calls; maybe
            # both.
            transaction.is_finished = True
            transaction.done.release()
            if transaction.is_late:
                with suppress(RuntimeError):  # the loop was closed without `close`: nobody is left to hear
                    self._loop.call_soon_threadsafe(self._deliver, transaction)

    # -- back in the loop --

    def _deliver(self, transaction: _Transaction) -> None:
        if transaction.is_delivered:
            return
        transaction.is_delivered = True
        group, failure = transaction.group, transaction.failure
        if failure is not None and len(group) > 1:
            for work in reversed(group):
                work.alone = True
                self._waiting.appendleft(work)
        else:
            for work in group:
                if work.future.done():
                    continue
                if failure is None:
                    work.future.set_result(work.result)
                else:
                    work.future.set_exception(self._transactions.explained(failure))
        if self._waiting:
            self._loop.call_soon(self._start)
        else:
            self._busy = False


def nothing() -> Generator[None, None, None]:
    """A write without statements."""
    yield


__all__ = ["GroupCommit", "Transactions", "Write", "nothing"]

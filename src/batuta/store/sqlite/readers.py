"""Connections that only read. None of them waits for the writer.

A look-up of one row takes less time than the hop to a thread, so it is done at once; everything else runs
in one of two threads. A long list comes as one JSON text: each further row would cost a fight for the
interpreter lock.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from batuta.errors import StoreError
from batuta.store.sqlite.connection import connect, explained
from batuta.store.yielding import give_way

T = TypeVar("T")

THREADS = 2


class Readers:
    """A connection for look-ups, and one for each of the threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._near = connect(path, reader=True)
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = [self._near]
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="store-reader")
        self._closed = False

    def row(self, sql: str, parameters: tuple[Any, ...]) -> Any:
        """The first row, or None."""
        self._check()
        try:
            return self._near.execute(sql, parameters).fetchone()
        except sqlite3.Error as error:
            raise explained(error, self._path) from error

    def few(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        """All rows of a statement that gives few."""
        self._check()
        try:
            return self._near.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise explained(error, self._path) from error

    async def all(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """All rows, read in a thread."""
        return await self.run(lambda connection: connection.execute(sql, parameters).fetchall())

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something in a thread, with its connection, inside one transaction."""
        self._check()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, self._run, work)
        give_way(loop, future.done)
        return await future

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = connect(self._path, reader=True)
                self._opened.append(connection)
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise explained(error, self._path) from error

    def _check(self) -> None:
        if self._closed:
            raise StoreError("The store is closed")

    async def close(self) -> None:
        """Wait for what is being read, and let go of the file."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._pool.shutdown)
            for connection in self._opened:
                connection.close()

"""The SQLite store in memory and without threads: the same statements, one connection, one write at a time.

`SqliteStore` gathers writes and commits them in a thread; which writes share a transaction depends on the
machine. Here each write is a transaction of its own, done in the turn of the loop that asks for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from batuta.store.batch import Batch
from batuta.store.group import Write
from batuta.store.patterns import regexp
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.batch_writer import BatchWriter
from batuta.store.sqlite.connection import SqliteTransactions
from batuta.store.sqlite.executions import SqliteExecutions
from batuta.store.sqlite.flows import SqliteFlows
from batuta.store.sqlite.kv import SqliteKv
from batuta.store.sqlite.records import SqliteLogs, SqliteMetrics
from batuta.store.sqlite.schema import prepare
from batuta.store.sqlite.triggers import SqliteTriggers
from batuta.store.sqlite.work import SqliteEvents, SqliteJobs, SqliteTimers

NOWHERE = Path(":memory:")


@cache
def _empty() -> bytes:
    """A database with the newest schema and no rows."""
    with sqlite3.connect(NOWHERE, isolation_level=None) as db:
        prepare(db, NOWHERE)
        return db.serialize()


def fresh() -> sqlite3.Connection:
    """An empty database in memory."""
    db = sqlite3.connect(NOWHERE, isolation_level=None, cached_statements=256)
    db.deserialize(_empty())
    db.create_function("regexp", 2, regexp, deterministic=True)
    return db


class AtOnce:
    """In place of `GroupCommit`: a write is done when it is asked for."""

    def __init__(self, transactions: SqliteTransactions) -> None:
        self._transactions = transactions

    async def submit(self, write: Write[Any], *, slow: bool = False) -> Any:
        """Execute a write; its result."""
        statements = write()
        self._transactions.begin()
        try:
            while True:
                next(statements)
        except StopIteration as end:
            self._transactions.commit()
            return end.value
        except Exception as error:
            self._transactions.rollback()
            raise self._transactions.explained(error) from error


class OneReader:
    """In place of `Readers`: the connection that also writes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def row(self, sql: str, parameters: tuple[Any, ...]) -> Any:
        """The first row, or None."""
        return self._db.execute(sql, parameters).fetchone()

    def few(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        """All rows."""
        return self._db.execute(sql, parameters).fetchall()

    async def all(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """All rows."""
        return self._db.execute(sql, parameters).fetchall()

    async def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """What the work finds."""
        return work(self._db)


class MemoryStore:
    """See `batuta.store.port.Store`."""

    def __init__(self) -> None:
        self.db = fresh()
        self._batches = BatchWriter(self.db)
        self._group: Any = AtOnce(SqliteTransactions(self.db, NOWHERE))
        readers: Any = OneReader(self.db)
        access = Access(self.db, self._group, readers)
        self.flows = SqliteFlows(access)
        self.executions = SqliteExecutions(access)
        self.jobs = SqliteJobs(access)
        self.timers = SqliteTimers(access)
        self.events = SqliteEvents(access)
        self.logs = SqliteLogs(access)
        self.metrics = SqliteMetrics(access)
        self.kv = SqliteKv(access)
        self.triggers = SqliteTriggers(access)

    async def commit(self, batch: Batch) -> list[int]:
        """Do everything in the batch in one transaction; the ids of `batch.posted`."""
        return await self._group.submit(lambda: self._batches.write(batch))

    async def close(self) -> None:
        """Let go of the database."""
        self.db.close()

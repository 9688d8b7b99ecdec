"""The store on one SQLite file: WAL, `synchronous=FULL`, one writer, readers that never wait for it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from batuta.errors import StoreError
from batuta.store.batch import Batch
from batuta.store.group import GroupCommit
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.batch_writer import BatchWriter
from batuta.store.sqlite.charts import SqliteCharts
from batuta.store.sqlite.connection import SqliteTransactions, connect, explained
from batuta.store.sqlite.executions import SqliteExecutions
from batuta.store.sqlite.flows import SqliteFlows
from batuta.store.sqlite.kv import SqliteKv
from batuta.store.sqlite.readers import Readers
from batuta.store.sqlite.records import SqliteLogs, SqliteMetrics
from batuta.store.sqlite.schema import prepare
from batuta.store.sqlite.secrets import SqliteSecrets
from batuta.store.sqlite.triggers import SqliteTriggers
from batuta.store.sqlite.work import SqliteEvents, SqliteJobs, SqliteTimers


class SqliteStore:
    """See `batuta.store.port.Store`. Made by `open_sqlite`; belongs to the event loop that runs then."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._batches = BatchWriter(db)
        self._readers = Readers(path)
        self._group = GroupCommit(SqliteTransactions(db, path))
        access = Access(db, self._group, self._readers)
        self.flows = SqliteFlows(access)
        self.executions = SqliteExecutions(access)
        self.jobs = SqliteJobs(access)
        self.timers = SqliteTimers(access)
        self.events = SqliteEvents(access)
        self.logs = SqliteLogs(access)
        self.metrics = SqliteMetrics(access)
        self.kv = SqliteKv(access)
        self.secrets = SqliteSecrets(access)
        self.triggers = SqliteTriggers(access)
        self.charts = SqliteCharts(access)

    async def commit(self, batch: Batch) -> list[int]:
        """Do everything in the batch in one durable transaction; the ids of `batch.posted`."""
        return await self._group.submit(lambda: self._batches.write(batch))

    async def close(self) -> None:
        """Finish what was accepted, and let go of the database."""
        await self._readers.close()
        await self._group.close()


async def open_sqlite(path: Path) -> SqliteStore:
    """Open a database file; make it when there is none, upgrade it when it is old.

    One process at a time may do so: hold the data folder first (`batuta.store.lock`).

    Raises:
        NewerDatabase: a newer version of Batuta wrote it.
        StoreError: it cannot be opened, or is something else.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder of the database cannot be made: {error.strerror}",
            where=str(path.parent),
            mend="name another data folder",
        ) from error
    db = connect(path)
    try:
        prepare(db, path)
        return SqliteStore(db, path)
    except BaseException as error:
        db.close()
        if isinstance(error, sqlite3.Error):
            raise explained(error, path) from error
        raise


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    """The store of a database file for the length of a block."""
    store = await open_sqlite(path)
    try:
        yield store
    finally:
        await store.close()

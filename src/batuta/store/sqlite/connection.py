"""Connections to an SQLite file: their pragmas, the writer's transactions, and errors in words that help."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from batuta.errors import BatutaError, StoreError, UnstorableValue
from batuta.store.patterns import regexp

BUSY_MILLISECONDS = 5_000
_CACHE_KIBIBYTES = {"writer": 8_192, "reader": 2_048}
_MOST_WAL_BYTES = 64 * 1024 * 1024


def connect(path: Path, *, reader: bool = False) -> sqlite3.Connection:
    """Open a connection that may be used from any thread, by one at a time.

    Raises:
        StoreError: the file cannot be opened, or is not a database.
    """
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=128
        )
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES['reader' if reader else 'writer']}")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("PRAGMA temp_store = MEMORY")
            if reader:
                connection.execute("PRAGMA query_only = ON")
                connection.create_function("regexp", 2, regexp, deterministic=True)
            else:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(f"PRAGMA journal_size_limit = {_MOST_WAL_BYTES}")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise explained(error, path) from error
    return connection


class SqliteTransactions:
    """The connection that writes, for `GroupCommit`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path

    def begin(self) -> None:
        """Open a transaction that may write."""
        self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the transaction durable."""
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction if one is open; SQLite ends it by itself after some errors."""
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # what made the transaction fail is being reported already

    def explained(self, error: Exception) -> Exception:
        """See the function of this name."""
        return explained(error, self.path)

    def close(self) -> None:
        """Fold the write-ahead log into the database, and close it."""
        self.connection.close()


_KINDS = {
    "SQLITE_FULL": (
        "The disk is full",
        "free space in the folder of the database; nothing needs to be restarted",
    ),
    "SQLITE_IOERR": (
        "The disk of the database could not be read or written",
        "check the disk and the system's log",
    ),
    "SQLITE_CORRUPT": ("The database is damaged", "stop the server and restore the file from a backup"),
    "SQLITE_NOTADB": ("The file is not an SQLite database", "move it away, or name another data folder"),
    "SQLITE_BUSY": ("Another program holds the database", "end the program that has it open"),
    "SQLITE_READONLY": (
        "The database cannot be written",
        "give this user the right to write the file and its folder",
    ),
    "SQLITE_CANTOPEN": (
        "The database cannot be opened",
        "see that the folder exists and that this user may write it",
    ),
    "SQLITE_TOOBIG": ("A value is too large for the database", "keep large values in files"),
}


def explained(error: Exception, path: Path) -> Exception:
    """An error of SQLite or of encoding as a `StoreError`; any other as it is."""
    if isinstance(error, BatutaError):
        return error
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "") or ""
        family = next((key for key in _KINDS if name.startswith(key)), None)
        what, mend = _KINDS[family] if family else (f"The database refused: {error}", None)
        explanation: Exception = StoreError(what, where=str(path), mend=mend)
    elif isinstance(error, TypeError | ValueError | OverflowError):
        explanation = UnstorableValue(f"A value cannot be stored: {error}", where=str(path))
    else:
        return error
    explanation.__cause__ = error
    return explanation

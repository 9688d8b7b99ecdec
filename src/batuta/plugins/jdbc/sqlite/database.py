"""A connection to SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from batuta.errors import TaskError
from batuta.plugins.jdbc import tokens
from batuta.plugins.jdbc.database import Rows

_BUSY_SECONDS = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Declared(NamedTuple):
    """A value of a column whose declaration says more than the value does."""

    kind: str
    text: str


def _declare(kind: str) -> None:
    # The library knows converters of the process only. They are asked for by connections that say so.
    sqlite3.register_converter(kind, lambda content: Declared(kind, content.decode("utf-8", "replace")))


for _kind in ("date", "datetime", "timestamp", "time"):
    _declare(_kind)


class SqliteDatabase:
    """An open SQLite database."""

    def __init__(self, place: str | Path, zone: tzinfo) -> None:
        self._zone = zone
        with _told():
            self._connection = sqlite3.connect(
                str(place),
                timeout=_BUSY_SECONDS,
                detect_types=sqlite3.PARSE_DECLTYPES,
                isolation_level=None,
                check_same_thread=False,
                uri=str(place).startswith("file:"),
            )

    def statements(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[str]:
        """The statements of a text."""
        return tokens.split(sql, tokens.SQLITE)

    def controls_transaction(self, statement: str) -> bool:
        """The statement begins or ends a transaction by itself."""
        return tokens.controls_transaction(statement, tokens.SQLITE)

    def execute(self, statement: str, parameters: Mapping[str, Any], fetch_size: int) -> Rows | None:
        """Run a statement."""
        with _told():
            cursor = self._connection.execute(
                statement, {name: bindable(v) for name, v in parameters.items()}
            )
        if cursor.description is None:
            return None
        return Rows([column[0] for column in cursor.description], self._batches(cursor, fetch_size))

    def _batches(self, cursor: sqlite3.Cursor, size: int) -> Iterator[Sequence[tuple[Any, ...]]]:
        while True:
            with _told():
                batch = cursor.fetchmany(size)
            if not batch:
                return
            yield [
                tuple(value_of(each, self._zone) if type(each) is Declared else each for each in row)
                for row in batch
            ]

    def columns(self, table: str) -> list[str]:
        """The columns of a table, quoted."""
        with _told():
            cursor = self._connection.execute(f"SELECT * FROM {table} LIMIT 0")
        names = (column[0].replace('"', '""') for column in cursor.description)
        return [f'"{name}"' for name in names]

    def insert(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement once per row."""
        with _told():
            cursor = self._connection.executemany(sql, [[bindable(value) for value in row] for row in rows])
        return max(cursor.rowcount, 0)

    def begin(self) -> None:
        """Begin a transaction."""
        self._simply("BEGIN")

    def commit(self) -> None:
        """End the transaction and keep what it did."""
        self._simply("COMMIT")

    def rollback(self) -> None:
        """End the transaction and undo what it did."""
        self._simply("ROLLBACK")

    def _simply(self, statement: str) -> None:
        with _told():
            self._connection.execute(statement)

    def interrupt(self) -> None:
        """End the running statement."""
        self._connection.interrupt()

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


@contextmanager
def _told() -> Iterator[None]:
    """SQLite's errors in its own words."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        code = getattr(error, "sqlite_errorname", None)
        raise TaskError(f"{error} ({code})" if code else str(error)) from None


def bindable(value: Any) -> Any:
    """A value that SQLite can take; its columns turn text into what they hold."""
    if value is None or isinstance(value, (str, int, float, bytes)):
        return value
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def value_of(declared: Declared, zone: tzinfo) -> Any:
    """A date, a time or an instant, from ISO 8601 text or from milliseconds; other text stays as it is."""
    kind, text = declared
    try:
        if text.lstrip("-").isdigit():
            moment = (_EPOCH + timedelta(milliseconds=int(text))).astimezone(zone)
        elif kind == "time":
            return time.fromisoformat(text)
        elif kind == "date":
            return date.fromisoformat(text[:10])
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return text
    if kind == "date":
        return moment.date()
    if kind == "time":
        return moment.time()
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)

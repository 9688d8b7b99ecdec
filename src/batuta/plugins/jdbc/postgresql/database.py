"""A connection to PostgreSQL.

Text goes to the server as it was written: without parameters no character of it means anything to the
library. Rows are streamed: a result of any size passes in constant memory, whatever statement gave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import tzinfo
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any

import psycopg
from psycopg import ClientCursor, RawCursor

from batuta.errors import TaskError
from batuta.plugin.context import TaskLog
from batuta.plugins.jdbc import tokens
from batuta.plugins.jdbc.database import Rows
from batuta.plugins.jdbc.postgresql.connecting import Access
from batuta.plugins.jdbc.postgresql.problems import cannot_connect, failed, lost
from batuta.plugins.jdbc.postgresql.values import converters, register

_BLOCK_BYTES = 262_144
_NO_RESULT = "didn't produce a result"
_PLACES = "SELECT parameter_types::oid[]::int8[] FROM pg_prepared_statements WHERE name = 'batch'"

_SETTINGS = """
SELECT set_config('TimeZone', %(zone)s, false),
       CASE WHEN %(path)s::text IS NULL THEN NULL ELSE set_config('search_path', %(path)s, false) END,
       to_regtype('hstore')::oid::int8
"""
_ALONE = """
SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval';
SELECT pg_advisory_lock(%(key)s::int8)
"""


class PostgresDatabase:
    """An open connection. Each statement commits by itself, except within `begin`."""

    def __init__(self, access: Access, zone: tzinfo, log: TaskLog, *, run_id: str) -> None:
        for name in access.unknown:
            log.debug(f"The parameter `{name}` of `url` is not known here and has no effect")
        try:
            self._connection: psycopg.Connection[Any] = psycopg.connect(
                **access.options, autocommit=True, cursor_factory=ClientCursor, prepare_threshold=None
            )
        except psycopg.Error as error:
            raise cannot_connect(error, access) from None
        try:
            settings = {"zone": getattr(zone, "key", "UTC"), "path": access.search_path}
            found = self._connection.execute(_SETTINGS, settings).fetchone()
            register(self._connection, zone, found[2] if found else None)
        except psycopg.Error as error:
            self._connection.close()
            raise cannot_connect(error, access) from None
        self._run_key: int | None = run_key(run_id)
        self._connection.add_notice_handler(
            lambda notice: log.debug(f"{notice.severity}: {notice.message_primary}")
        )
        self._prepared: tuple[str, list[Callable[[Any], Any]]] | None = None
        self._chunk = psycopg.capabilities.has_stream_chunked()

    def statements(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[str]:
        """The statements of a text."""
        return tokens.split(sql, tokens.POSTGRESQL)

    def controls_transaction(self, statement: str) -> bool:
        """The statement begins or ends a transaction by itself."""
        return tokens.controls_transaction(statement, tokens.POSTGRESQL)

    def execute(self, statement: str, parameters: Mapping[str, Any], fetch_size: int) -> Rows | None:
        """Run a statement."""
        values = {name: _bindable(value) for name, value in parameters.items()} or None
        text = statement
        if values:
            text = tokens.with_parameters(
                statement, tokens.POSTGRESQL, values, lambda name: f"%({name})s", percent="%%"
            )
        self._wait_for_others()
        cursor = self._connection.cursor()
        size = fetch_size if self._chunk else 1
        rows = cursor.stream(text.encode(), values, size=size)
        with self._told(statement):
            try:
                first = next(rows, None)
            except psycopg.ProgrammingError as error:
                # All is well: it was done, and there is nothing to read.
                if error.sqlstate is None and _NO_RESULT in str(error):
                    return None
                raise
        if first is None:
            return Rows([], iter(()))
        names = [column.name for column in cursor.description or ()]
        return Rows(names, self._batches(statement, chain([first], rows), fetch_size))

    def _batches(
        self, statement: str, rows: Iterator[tuple[Any, ...]], size: int
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        with self._told(statement):
            while batch := list(islice(rows, size)):
                yield batch

    def copy_in(self, statement: str, path: Path, check: Callable[[], None]) -> int:
        """Send a file as it is, block by block; how many rows the server has taken."""
        self._wait_for_others()
        with self._told(statement), self._connection.cursor() as cursor, path.open("rb") as file:
            with cursor.copy(statement.encode()) as copy:
                while block := file.read(_BLOCK_BYTES):
                    check()
                    copy.write(block)
            return cursor.rowcount

    def copy_out(self, statement: str, path: Path, check: Callable[[], None]) -> int:
        """Write what the server sends into a file; how many rows those were."""
        with (
            self._told(statement),
            self._connection.cursor() as cursor,
            path.open("wb", _BLOCK_BYTES) as file,
        ):
            with cursor.copy(statement.encode()) as copy:
                for block in copy:
                    check()
                    file.write(block)
            return cursor.rowcount

    def columns(self, table: str) -> list[str]:
        """The columns of a table, quoted where that is needed."""
        statement = f"SELECT * FROM {table} LIMIT 0"
        with self._told(statement), self._connection.cursor() as cursor:
            cursor.execute(statement.encode())
            return [_name(column.name) for column in cursor.description or ()]

    def insert(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement once per row, in one go over the network."""
        self._wait_for_others()
        statement = tokens.with_places(sql, tokens.POSTGRESQL, lambda number: f"${number}")
        with self._told(statement), closing(RawCursor(self._connection)) as cursor:
            change = self._changes(statement)
            values = [
                [fit(value) for fit, value in zip(change, row, strict=True)]
                for row in _fitting(rows, len(change))
            ]
            cursor.executemany(statement.encode(), values)
            return max(cursor.rowcount, 0)

    def _changes(self, statement: str) -> list[Callable[[Any], Any]]:
        """What turns values into those that the statement's places want; asked of the server once."""
        if self._prepared is None or self._prepared[0] != statement:
            self._simply(f"PREPARE batch AS {statement}")
            ((oids,),) = self._connection.execute(_PLACES).fetchall()
            self._simply("DEALLOCATE batch")
            self._prepared = statement, converters(self._connection, oids)
        return self._prepared[1]

    def _wait_for_others(self) -> None:
        """Begin when no earlier attempt of this task run is at work any more.

        The statement of a worker that died goes on at the server, which would make it twice at the same time.
        So the server looks every second whether we still live, and each task run has a lock of its own.
        """
        if self._run_key is None:
            return
        key, self._run_key = self._run_key, None
        with self._told(""), suppress(psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFunction):
            self._connection.execute(_ALONE, {"key": key})

    def begin(self) -> None:
        """Begin a transaction."""
        self._wait_for_others()
        self._simply("BEGIN")

    def commit(self) -> None:
        """End the transaction and keep what it did."""
        self._simply("COMMIT")

    def rollback(self) -> None:
        """End the transaction and undo what it did."""
        self._simply("ROLLBACK")

    def _simply(self, statement: str) -> None:
        with self._told(statement):
            self._connection.execute(statement.encode())

    def interrupt(self) -> None:
        """End the running statement."""
        self._connection.cancel_safe(timeout=5)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    @contextmanager
    def _told(self, statement: str) -> Iterator[None]:
        """The server's errors in its own words."""
        try:
            yield
        except psycopg.Error as error:
            raise (lost(error) if self._connection.broken else failed(error, statement)) from None


def run_key(run_id: str) -> int:
    """A task run as a number that the server can lock."""
    return int.from_bytes(blake2b(run_id.encode(), digest_size=8).digest(), "big", signed=True)


def _fitting(rows: Sequence[Sequence[Any]], count: int) -> Iterator[Sequence[Any]]:
    for row in rows:
        if len(row) != count:
            raise TaskError(
                f"a row has {len(row)} values, and the statement {count} places for them",
                mend="name the fields to use in `columns`",
            )
        yield row


def _bindable(value: Any) -> Any:
    if isinstance(value, dict):
        from psycopg.types.json import Json

        return Json(value)
    return value


def _name(column: str) -> str:
    if column.isidentifier() and column == column.lower() and column.isascii():
        return column
    return '"' + column.replace('"', '""') + '"'

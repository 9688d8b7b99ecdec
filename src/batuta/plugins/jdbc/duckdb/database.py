"""A connection to DuckDB."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from batuta.errors import TaskError
from batuta.plugin.context import TaskLog
from batuta.plugins.jdbc import tokens
from batuta.plugins.jdbc.database import Rows

_INSTALL = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:FORCE\s+)?INSTALL\s+'?(\w+)'?\s*;?\s*", re.I | re.S)
_locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
"""One writer per database file."""


class DuckDbDatabase:
    """An open DuckDB database."""

    def __init__(self, place: str, *, folder: Path, zone: tzinfo, short_file_names: bool) -> None:
        self._folder = folder
        self._zone = zone
        self._short_file_names = short_file_names
        self._lock = None if place.startswith((":memory:", "md:")) else _locks[place]
        if self._lock is not None:
            self._lock.acquire()
        try:
            with _told():
                self._connection = duckdb.connect(place)
                self._connection.execute("SET enable_progress_bar = false")
                self._connection.execute(f"SET file_search_path = {literal(str(folder))}")
                self._connection.execute(f"SET temp_directory = {literal(str(folder / '.duckdb'))}")
        except BaseException:
            self._release()
            raise

    def load(self, extensions: list[str], log: TaskLog) -> None:
        """Load extensions of the community as far as that is possible."""
        for extension in extensions:
            try:
                self._connection.execute(f"INSTALL {extension} FROM community")
                self._connection.execute(f"LOAD {extension}")
            except duckdb.Error as error:
                log.warn(f"The extension `{extension}` could not be loaded: {error}")

    def statements(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """DuckDB's own statements, less those that install what is there already."""
        marked = tokens.with_parameters(sql, tokens.POSTGRESQL, parameters, lambda name: f"${name}")
        with _told():
            found = self._connection.extract_statements(marked)
        return [each for each in found if not self._is_needless(each)]

    def controls_transaction(self, statement: Any) -> bool:
        """The statement begins or ends a transaction by itself."""
        return bool(statement.type.name == "TRANSACTION")

    def execute(self, statement: Any, parameters: Mapping[str, Any], fetch_size: int) -> Rows | None:
        """Run a statement."""
        values = {name: parameters[name] for name in statement.named_parameters if name in parameters}
        with _told():
            if values:
                self._connection.execute(statement, values)
            else:
                self._connection.execute(statement)
        columns = [(column[0], str(column[1])) for column in self._connection.description or ()]
        if not has_result(statement, columns):
            return None
        changes = {place: change for place, column in enumerate(columns) if (change := self._change(*column))}
        return Rows([name for name, _ in columns], self._batches(changes, fetch_size))

    def _batches(
        self, changes: dict[int, Callable[[Any], Any]], size: int
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        while batch := self._fetch(size):
            if not changes:
                yield batch
                continue
            yield [
                tuple(
                    changes[place](value) if place in changes and value is not None else value
                    for place, value in enumerate(row)
                )
                for row in batch
            ]

    def _fetch(self, size: int) -> list[tuple[Any, ...]]:
        with _told():
            return self._connection.fetchmany(size)

    def begin(self) -> None:
        """Begin a transaction."""
        self._connection.execute("BEGIN")

    def commit(self) -> None:
        """End the transaction and keep what it did."""
        with _told():
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction and undo what it did."""
        self._connection.execute("ROLLBACK")

    def interrupt(self) -> None:
        """End the running statement."""
        self._connection.interrupt()

    def close(self) -> None:
        """Disconnect."""
        try:
            self._connection.close()
        finally:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _change(self, name: str, kind: str) -> Callable[[Any], Any] | None:
        """How values of a column become those of plugins spec C1.3; None for as they are."""
        if name == "filename" and self._short_file_names:
            prefix = f"{self._folder}/"
            return lambda value: str(value).removeprefix(prefix)
        if kind == "JSON":
            return msgspec.json.decode
        if kind in ("HUGEINT", "UHUGEINT", "UUID"):
            return str
        if kind == "TIMESTAMP WITH TIME ZONE":
            return lambda value: value.astimezone(UTC)
        if kind.startswith("TIMESTAMP") and "[" not in kind:
            return lambda value: value.replace(tzinfo=self._zone) if isinstance(value, datetime) else value
        return None

    def _is_needless(self, statement: Any) -> bool:
        """It installs an extension that is there already: nothing is to be got from the network."""
        install = _INSTALL.fullmatch(statement.query)
        if install is None:
            return False
        found = self._connection.execute(
            "SELECT installed OR loaded FROM duckdb_extensions() WHERE extension_name = $name",
            {"name": install[1].lower()},
        ).fetchone()
        return bool(found and found[0])


@contextmanager
def _told() -> Iterator[None]:
    """DuckDB's errors in its own words."""
    try:
        yield
    except duckdb.Error as error:
        raise TaskError(str(error)) from None


def has_result(statement: Any, columns: list[tuple[str, str]]) -> bool:
    """The statement gave rows of its own, not only a number of changes or a note of success."""
    kinds = {kind.name for kind in statement.expected_result_type}
    if "QUERY_RESULT" not in kinds or not columns:
        return False
    if statement.type.name in ("SELECT", "EXPLAIN", "EXECUTE"):
        return True
    return columns not in ([("Count", "BIGINT")], [("Success", "BOOLEAN")])


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"

"""What an SQL task asks of an open connection, whichever database is behind it.

One file per family implements it beside its tasks; its foreign errors become `TaskError` there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from batuta.errors import TaskError


class Unreachable(TaskError):
    """There is no database at the address, or the way to it was lost; later there may be one."""

    code = "task.database-unreachable"


class Rows(NamedTuple):
    """A result set that is being read. All batches have to be taken before the next statement."""

    names: list[str]
    batches: Iterator[Sequence[tuple[Any, ...]]]
    """Rows as plugins spec C1.3 has their values."""


class Database(Protocol):
    """An open connection, for one thread at a time. Outside of `begin` each statement commits by itself."""

    def statements(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """The statements of a text, in a form that `execute` takes."""

    def controls_transaction(self, statement: Any) -> bool:
        """The statement begins or ends a transaction by itself."""

    def execute(self, statement: Any, parameters: Mapping[str, Any], fetch_size: int) -> Rows | None:
        """Run a statement with values for its `:name`s; None when it has no result set."""

    def begin(self) -> None:
        """Begin a transaction."""

    def commit(self) -> None:
        """End the transaction and keep what it did."""

    def rollback(self) -> None:
        """End the transaction and undo what it did."""

    def interrupt(self) -> None:
        """End the running statement; called from another thread, and more than once."""

    def close(self) -> None:
        """Disconnect."""


class BatchDatabase(Database, Protocol):
    """A connection that takes many rows at once."""

    def columns(self, table: str) -> list[str]:
        """The columns of a table, in its order, quoted where that is needed."""

    def insert(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement with `?` marks once per row; how many rows were changed."""

"""Row files into tables: what `Batch` of all families has in common (plugins spec C1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugins.jdbc.connection import ConnectedTask
from batuta.plugins.jdbc.database import BatchDatabase
from batuta.plugins.jdbc.session import Session, transaction
from batuta.plugins.rows import read_rows


class InputHandling(StrEnum):
    """How the rows are read."""

    AUTO = "AUTO"
    STREAM = "STREAM"
    LOCAL = "LOCAL"


class RetryScope(StrEnum):
    """What is tried again."""

    NONE = "NONE"
    INPUT = "INPUT"
    ALL = "ALL"


class BatchTask(ConnectedTask, kw_only=True):
    """Base of the tasks that write rows."""

    from_: Annotated[str, Meta(description="URI of a row file.")] = field(name="from")
    sql: Annotated[str | None, Meta(description="Statement with `?` for each value, such as an INSERT.")] = (
        None
    )
    table: Annotated[str | None, Meta(description="Table to insert into, where `sql` is left out.")] = None
    columns: Annotated[
        list[str], Meta(description="Fields of a row in the order of the marks; by default its own order.")
    ] = []
    chunk: Annotated[int, Meta(ge=1, description="Rows sent and committed together.")] = 1_000
    max_retries: Annotated[
        int | None,
        Meta(description="Accepted; the rows are copied to the worker before the first is written."),
    ] = None
    retry_backoff: Annotated[timedelta | None, Meta(description="Accepted and without effect.")] = None
    input_handling: Annotated[InputHandling | None, Meta(description="Accepted and without effect.")] = None
    local_buffer_max_bytes: Annotated[int | None, Meta(description="Accepted and without effect.")] = None
    resume_on_retry: Annotated[bool | None, Meta(description="Accepted and without effect.")] = None
    retry_scope: Annotated[RetryScope | None, Meta(description="Accepted and without effect.")] = None

    def open_for_rows(self, ctx: RunContext, folder: Path) -> BatchDatabase:
        """Connect. Called in a thread."""
        raise NotImplementedError

    class Output(task.Output, frozen=True):
        """How much was written."""

        row_count: Annotated[int, Meta(description="Rows that were read.")]
        updated_count: Annotated[int, Meta(description="Rows that the database has changed.")]

    async def run(self, ctx: RunContext) -> Output:
        """Write chunk by chunk."""
        if not self.sql and not self.table:
            raise TaskError(
                "`sql` or `table` is needed", mend="name the `table` to insert into, or write the `sql`"
            )
        folder = ctx.files.working_dir
        path = folder / "rows.ion"
        await ctx.files.fetch(self.from_, path)
        session: Session[BatchDatabase] = Session(lambda: self.open_for_rows(ctx, folder))
        rows, updated = await session.run(lambda database: self._write(database, session, path))
        ctx.metrics.count("records", rows)
        ctx.metrics.count("updated", updated)
        ctx.log.info(f"Wrote {rows} rows, {updated} were changed")
        return self.Output(row_count=rows, updated_count=updated)

    def _write(self, database: BatchDatabase, session: Session[BatchDatabase], path: Path) -> tuple[int, int]:
        columns, sql = self.columns, self.sql
        if not sql:
            assert self.table is not None
            columns = columns or database.columns(self.table)
            marks = ", ".join("?" * len(columns))
            sql = f"INSERT INTO {self.table} ({', '.join(columns)}) VALUES ({marks})"
        count = updated = 0
        values = (values_of(row, columns) for row in read_rows(path))
        for chunk in chunks(values, self.chunk):
            session.check()
            with transaction(database):
                updated += database.insert(sql, chunk)
            count += len(chunk)
        return count, updated


def chunks(rows: Iterator[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    """Rows in groups."""
    while chunk := list(islice(rows, size)):
        yield chunk


def values_of(row: Any, columns: list[str]) -> list[Any]:
    """The values of a row in the order of the marks."""
    if isinstance(row, list):
        return row
    if not isinstance(row, dict):
        return [row]
    if not columns:
        return list(row.values())
    return [_value(row, column) for column in columns]


def _value(row: dict[str, Any], column: str) -> Any:
    name = column.strip('"`')
    if name in row:
        return row[name]
    # Databases disagree on the case of names that are not quoted.
    folded = name.casefold()
    return next((value for key, value in row.items() if key.casefold() == folded), None)

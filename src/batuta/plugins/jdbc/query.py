"""What SQL tasks have in common: connection, fetching, and the shapes of results (plugins spec C1)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from batuta import ids
from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.task import RunnableTask
from batuta.plugins.rows import RowWriter

_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")


class FetchType(StrEnum):
    """What becomes of a result's rows."""

    STORE = "STORE"
    FETCH = "FETCH"
    FETCH_ONE = "FETCH_ONE"
    NONE = "NONE"


class SqlTask(RunnableTask):
    """Base of SQL tasks."""

    scheme: ClassVar[str]
    """How the address of the family begins."""

    sql: Annotated[str, Meta(description="SQL text.")]
    url: Annotated[str | None, Meta(description="Address of the database, in JDBC's form.")] = None
    username: Annotated[str | None, Meta(description="Name to log in with.")] = None
    password: Annotated[str | None, Meta(description="Password to log in with.")] = None
    time_zone_id: Annotated[str | None, Meta(description="Zone of timestamps that have none.")] = None
    fetch_type: Annotated[FetchType, Meta(description="What becomes of the rows.")] = FetchType.NONE
    store: Annotated[bool, Meta(description="Older form of `fetchType: STORE`.")] = False
    fetch: Annotated[bool, Meta(description="Older form of `fetchType: FETCH`.")] = False
    fetch_one: Annotated[bool, Meta(description="Older form of `fetchType: FETCH_ONE`.")] = False
    fetch_size: Annotated[int, Meta(description="Rows read at a time when storing.", ge=1)] = 10_000
    parameters: Annotated[dict[str, Any], Meta(description="Values for `:name` in the text.")] = {}
    connection_pooling: Annotated[
        bool | None, Meta(description="Accepted; each task connects for itself.")
    ] = None
    connection_pool_size: Annotated[int | None, Meta(description="Accepted and without effect.")] = None

    @property
    def fetching(self) -> FetchType:
        """What becomes of the rows, whichever way it was written."""
        if self.fetch:
            return FetchType.FETCH
        if self.fetch_one:
            return FetchType.FETCH_ONE
        return FetchType.STORE if self.store else self.fetch_type

    def address(self, default: str | None = None) -> str:
        """What follows the family's scheme in `url`."""
        url = self.url if self.url is not None else default
        if url is None or not url.strip():
            raise TaskError("Rendered value of `url` is blank.")
        if not url.startswith(self.scheme):
            raise TaskError(
                f"URL scheme is invalid: `{url.partition('?')[0]}`", mend=f"begin it with `{self.scheme}`"
            )
        return url.removeprefix(self.scheme)


class Result(msgspec.Struct, kw_only=True):
    """What was kept of one result set; `path` is a row file that is not yet stored."""

    size: int | None = None
    row: dict[str, Any] | None = None
    rows: list[dict[str, Any]] | None = None
    path: Path | None = None


def keep(
    fetching: FetchType,
    names: list[str],
    batches: Iterable[list[tuple[Any, ...]]],
    folder: Path,
) -> Result:
    """Read a result set as far as it is wanted. Of columns with the same name the last one stands."""
    if fetching is FetchType.NONE:
        return Result(size=0)
    last = {name: place for place, name in enumerate(names)}
    columns, places = list(last), list(last.values())
    whole = len(places) == len(names)
    if fetching is FetchType.FETCH_ONE:
        for batch in batches:
            if batch:
                return Result(size=1, row={name: batch[0][last[name]] for name in columns})
        return Result(size=0)
    if fetching is FetchType.FETCH:
        rows = [{name: row[last[name]] for name in columns} for batch in batches for row in batch]
        return Result(size=len(rows), rows=rows)
    path = folder / f"{ids.random_id()}.ion"
    with path.open("wb", buffering=262_144) as file:
        writer = RowWriter(file)
        for batch in batches:
            writer.write_all(columns, batch if whole else ([row[place] for place in places] for row in batch))
    return Result(size=writer.count, path=path)


async def stored(ctx: RunContext, result: Result) -> str | None:
    """Put the row file of a result into the internal storage and give its URI; None when there is none."""
    if result.path is None:
        return None
    uri = await ctx.files.put(result.path)
    result.path.unlink()
    return uri


def count_fetched(ctx: RunContext, fetching: FetchType, size: int) -> None:
    """Report how much was read."""
    fetched = fetching in (FetchType.FETCH, FetchType.FETCH_ONE)
    tags = {"fetch": str(fetched).lower(), "store": str(fetching is FetchType.STORE).lower()}
    ctx.metrics.count("fetch.size", size, **tags)


def with_marks(sql: str, names: Container[str], mark: str) -> str:
    """The text with the database's own mark in place of the colon of each `:name` that has a value."""
    return _PARAMETER.sub(lambda match: mark + match[1] if match[1] in names else match[0], sql)


class QueryOutput(task.Output, frozen=True):
    """The result of one query."""

    keep_none: ClassVar[frozenset[str]] = frozenset({"row"})

    row: Annotated[dict[str, Any] | None, Meta(description="The first row, with FETCH_ONE.")] = None
    rows: Annotated[list[dict[str, Any]] | None, Meta(description="All rows, with FETCH.")] = None
    uri: Annotated[str | None, Meta(description="URI of the row file, with STORE.")] = None
    size: Annotated[int | None, Meta(description="Rows that were read; absent without a result.")] = None
    output_files: Annotated[dict[str, str] | None, Meta(description="Files that the SQL wrote.")] = None
    database_uri: Annotated[str | None, Meta(description="URI of the database file.")] = None


class QueriesOutput(task.Output, frozen=True):
    """The results of several statements."""

    outputs: Annotated[
        list[dict[str, Any]], Meta(description="One entry per result: `row`, `rows` or `uri`, and `size`.")
    ]
    output_files: Annotated[dict[str, str] | None, Meta(description="Files that the SQL wrote.")] = None
    database_uri: Annotated[str | None, Meta(description="URI of the database file.")] = None

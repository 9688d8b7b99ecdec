"""What becomes of the rows of a result set (plugins spec C1.2)."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from batuta import ids
from batuta.plugin.context import RunContext
from batuta.plugins.jdbc.database import Rows
from batuta.plugins.rows import RowWriter


class FetchType(StrEnum):
    """What becomes of a result's rows."""

    STORE = "STORE"
    FETCH = "FETCH"
    FETCH_ONE = "FETCH_ONE"
    NONE = "NONE"


def fetching(*, fetch: bool, fetch_one: bool, store: bool, fetch_type: FetchType) -> FetchType:
    """What becomes of the rows, whichever way it was written: the older forms are asked in this order."""
    if fetch_one:
        return FetchType.FETCH_ONE
    if store:
        return FetchType.STORE
    return FetchType.FETCH if fetch else fetch_type


class Result(msgspec.Struct, kw_only=True):
    """What was kept of one result set; `path` is a row file that is not yet stored."""

    size: int | None = None
    row: dict[str, Any] | None = None
    rows: list[dict[str, Any]] | None = None
    path: Path | None = None


def keep(wanted: FetchType, found: Rows, folder: Path) -> Result:
    """Read a result set, and keep of it what is wanted. Of columns with the same name the last one stands.

    It is read to its end in any case: a statement that is cut off half-way may be undone.
    """
    names, batches = found
    if wanted is FetchType.NONE:
        deque(batches, maxlen=0)
        return Result(size=0)
    last = {name: place for place, name in enumerate(names)}
    columns, places = list(last), list(last.values())
    if wanted is FetchType.FETCH_ONE:
        first = None
        for batch in batches:
            if first is None and batch:
                first = {name: batch[0][last[name]] for name in columns}
        return Result(size=0) if first is None else Result(size=1, row=first)
    if wanted is FetchType.FETCH:
        rows = [{name: row[last[name]] for name in columns} for batch in batches for row in batch]
        return Result(size=len(rows), rows=rows)
    whole = len(places) == len(names)
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


def count_fetched(ctx: RunContext, wanted: FetchType, size: int) -> None:
    """Report how much was read."""
    fetched = wanted in (FetchType.FETCH, FetchType.FETCH_ONE)
    tags = {"fetch": str(fetched).lower(), "store": str(wanted is FetchType.STORE).lower()}
    ctx.metrics.count("fetch.size", size, **tags)

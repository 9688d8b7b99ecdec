"""Values that were too large for a row, back from internal storage."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import msgspec

from batuta.model import stored
from batuta.model.execution import Execution, TaskRun
from batuta.storage.port import Storage

_Row = TypeVar("_Row", Execution, TaskRun)


async def whole(storage: Storage, value: Any, most: int = sys.maxsize) -> Any:
    """`value` with what was moved to storage in its place again; the same object when nothing was.

    Args:
        storage: where the values are.
        value: JSON data with marks in it.
        most: bytes up to which a value is fetched; a larger one stays a mark.

    Raises:
        NotFound: a file is gone.
    """
    found = {
        uri: msgspec.json.decode(await storage.read(uri))
        for uri, size in stored.marks(value).items()
        if size <= most
    }
    if not found:
        return value
    return stored.replaced(value, lambda mark: found.get(stored.uri_of(mark) or "", mark))


async def filled(storage: Storage, row: _Row, most: int = sys.maxsize) -> _Row:
    """A row with its inputs and outputs whole, as far as they have at most `most` bytes each.

    Raises:
        NotFound: a file is gone.
    """
    changes: dict[str, Any] = {}
    for name in ("inputs", "outputs") if isinstance(row, Execution) else ("outputs",):
        value = getattr(row, name)
        if value:
            complete = await whole(storage, value, most)
            if complete is not value:
                changes[name] = complete
    return msgspec.structs.replace(row, **changes) if changes else row

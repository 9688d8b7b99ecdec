"""Values that were too large for a row, back from internal storage."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta.model import stored
from batuta.storage.port import Storage


async def whole(storage: Storage, value: Any) -> Any:
    """`value` with what was moved to storage in its place again; the same object when nothing was.

    Raises:
        NotFound: a file is gone.
    """
    found = {uri: msgspec.json.decode(await storage.read(uri)) for uri in stored.marks(value)}
    return stored.replaced(value, lambda mark: found[stored.uri_of(mark) or ""]) if found else value

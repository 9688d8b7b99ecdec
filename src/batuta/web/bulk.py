"""Operations on many executions: all are checked first, and one that may not refuses all (API spec §3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from batuta import ids
from batuta.errors import RequestError


class BadItem(msgspec.Struct, frozen=True):
    """An id, and why nothing can be done to it."""

    id: str
    message: str
    slug: str = "conflict"


class InvalidBulk(RequestError):
    """Some of the objects do not allow it, so nothing was done to any."""

    code = "request.invalid-bulk"

    def __init__(self, operation: str, items: Sequence[BadItem]) -> None:
        super().__init__(f"invalid bulk {operation}")
        self.items = tuple(items)


def done(count: int) -> dict[str, Any]:
    """The answer to an operation that was handed over: both forms in one."""
    return {"operationId": ids.random_id(), "totalItems": count, "count": count}

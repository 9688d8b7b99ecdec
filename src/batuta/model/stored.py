"""Values too large for a row: what stands in their place, and which values are.

A row keeps `{"$stored": <URI>, "bytes": <size>}` where an input or output was moved to internal storage. The
mark counts only inside the execution whose file it names, so that nobody can forge one for another's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from batuta.model.execution import Execution

MOST_BYTES = 65_536
"""Largest value that a row keeps, as JSON."""
_MARK = "$stored"
_MOST_LEVELS = 8
_ITEM_BYTES = 4
"""What a number, a constant or the punctuation around a member takes at least."""


class StoredValue(msgspec.Struct, frozen=True):
    """A value that is in internal storage, as expressions find it: they ask for it when they need it."""

    uri: str
    size: int
    """Bytes of its JSON."""


def homes(execution: Execution) -> tuple[str, ...]:
    """What the URIs of its own values contain, and those of the execution from which it was copied."""
    ids = (execution.id,) if execution.parent_id is None else (execution.id, execution.parent_id)
    return tuple(f"/executions/{each}/values/" for each in ids)


def mark(uri: str, size: int) -> dict[str, Any]:
    """What a row keeps instead of the value."""
    return {_MARK: uri, "bytes": size}


def uri_of(value: Any) -> str | None:
    """The URI in a mark; None for any other value."""
    if type(value) is dict and len(value) == 2 and _MARK in value:
        uri = value[_MARK]
        return uri if isinstance(uri, str) and isinstance(value.get("bytes"), int) else None
    return None


def replaced(value: Any, answer: Callable[[dict[str, Any]], Any], level: int = 0) -> Any:
    """`value` with what `answer` gives in place of every mark; the same object when there is none."""
    if type(value) is dict:
        if uri_of(value) is not None:
            return answer(value)
        if level < _MOST_LEVELS:
            members = {key: replaced(each, answer, level + 1) for key, each in value.items()}
            return members if any(members[key] is not value[key] for key in value) else value
    elif type(value) is list and level < _MOST_LEVELS:
        items = [replaced(each, answer, level + 1) for each in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def revived(value: Any, homes: tuple[str, ...]) -> Any:
    """`value` as expressions see it: every mark of this execution as a `StoredValue`."""

    def revive(mark: dict[str, Any]) -> Any:
        uri: str = mark[_MARK]
        return StoredValue(uri, mark["bytes"]) if any(each in uri for each in homes) else mark

    return replaced(value, revive)


def shown(value: Any) -> Any:
    """`value` as people see it: the URI where a value was moved to storage."""
    return replaced(value, uri_of)


def marks(value: Any) -> dict[str, int]:
    """URI and bytes of all values in it that were moved to storage."""
    found: dict[str, int] = {}

    def note(mark: dict[str, Any]) -> Any:
        found[mark[_MARK]] = mark["bytes"]
        return mark

    replaced(value, note)
    return found


def holds_stored(value: Any, level: int = 0) -> bool:
    """A `StoredValue` is somewhere in it."""
    if type(value) is StoredValue:
        return True
    if level >= _MOST_LEVELS:
        return False
    if type(value) is dict:
        return any(holds_stored(each, level + 1) for each in value.values())
    return type(value) is list and any(holds_stored(each, level + 1) for each in value)


def is_large(value: Any) -> bool:
    """The value's JSON has more than `MOST_BYTES`; found without writing it."""
    return _left_over(value, MOST_BYTES) < 0


def _left_over(value: Any, most: int) -> int:
    """What is left of `most` bytes after the value; below zero as soon as that is certain."""
    if type(value) is str:
        return most - len(value)
    if type(value) is dict:
        for key, each in value.items():
            most = _left_over(each, most - len(key) - _ITEM_BYTES)
            if most < 0:
                return most
        return most
    if type(value) is list:
        most -= _ITEM_BYTES * len(value)
        for each in value:
            if most < 0:
                return most
            most = _left_over(each, most)
        return most
    return most - _ITEM_BYTES

"""Values as jq sees them: their types, order and members, and the errors about them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from batuta.expr.budget import Nodes
from batuta.expr.kinds import is_number
from batuta.expr.printing import json_text, scalar

_RANKS = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "string", list: "array"}


class JqError(Exception):
    """An error that the program can catch; any value may be thrown."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


def message_of(value: Any) -> str:
    """The text of an error value."""
    return value if isinstance(value, str) else f"{json_text(value):.200} (not a string)"


def prepare(value: Any, level: int = 0, nodes: Nodes | None = None) -> Any:
    """A value of a template as jq sees it: plain JSON, entries of maps that are null left out."""
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is float or kind is int:
        return value
    nodes = nodes or Nodes()
    if isinstance(value, (dict, list, tuple)):
        nodes.take(len(value), level)
    if isinstance(value, dict):
        return {
            key if type(key) is str else scalar(key): prepare(item, level + 1, nodes)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, (list, tuple)):
        return [prepare(item, level + 1, nodes) for item in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (float, Decimal)):
        return float(scalar(value))
    return scalar(value)


def number(value: float) -> Any:
    """A result of arithmetic: an integer when it is whole."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


def truth(value: Any) -> bool:
    """Everything but null and false."""
    return value is not None and value is not False


def type_of(value: Any) -> str:
    """The jq name of a type."""
    return _RANKS.get(type(value), "object")


def order(value: Any, level: int = 0, nodes: Nodes | None = None) -> Any:
    """A key that sorts values as jq orders them."""
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (1, value)
    if isinstance(value, (int, float)):
        return (3, -math.inf if value != value else value)
    if isinstance(value, str):
        return (4, value)
    nodes = nodes or Nodes()
    nodes.take(len(value), level)
    if isinstance(value, list):
        return (5, [order(item, level + 1, nodes) for item in value])
    keys = sorted(value)
    return (6, keys, [order(value[key], level + 1, nodes) for key in keys])


def same(left: Any, right: Any) -> bool:
    """jq's equality."""
    return bool(order(left) == order(right))


def describe(value: Any) -> str:
    """A value in an error message."""
    text = (
        json_text(value, keep_nulls=True) if not isinstance(value, (list, dict)) or len(value) < 50 else "..."
    )
    return f"{type_of(value)} ({text[:40] + '...' if len(text) > 43 else text})"


def index(owner: Any, key: Any) -> Any:
    """`owner[key]`."""
    if isinstance(owner, dict) and isinstance(key, str):
        return owner.get(key)
    if isinstance(owner, list) and isinstance(key, (int, float)) and not isinstance(key, bool):
        if key != key:
            return None
        place = math.floor(key)
        place = place + len(owner) if place < 0 else place
        return owner[place] if 0 <= place < len(owner) else None
    if isinstance(owner, list) and isinstance(key, list):
        return indices(owner, key)
    if isinstance(key, dict) and (isinstance(owner, (list, str)) or owner is None):
        return cut(owner, key.get("start"), key.get("end"))
    if owner is None and ((isinstance(key, (str, int, float)) and not isinstance(key, bool)) or key is None):
        return None
    if isinstance(key, str):
        raise JqError(f'Cannot index {type_of(owner)} with "{key}"')
    raise JqError(f"Cannot index {type_of(owner)} with {type_of(key)}")


def indices(owner: Any, wanted: Any) -> list[int]:
    """Where `wanted` begins in a list or a text."""
    if isinstance(owner, str) and isinstance(wanted, str):
        found, at = [], owner.find(wanted) if wanted else -1
        while at >= 0:
            found.append(at)
            at = owner.find(wanted, at + 1)
        return found
    if not isinstance(owner, list):
        raise JqError(f"Cannot index {type_of(owner)} with {type_of(wanted)}")
    if isinstance(wanted, list):
        size = len(wanted)
        return [at for at in range(len(owner) - size + 1) if size and same(owner[at : at + size], wanted)]
    return [at for at, item in enumerate(owner) if same(item, wanted)]


def cut(owner: Any, start: Any, end: Any) -> Any:
    """`owner[start:end]`."""
    if owner is None:
        return None
    if not isinstance(owner, (str, list)):
        raise JqError(f"Cannot index {type_of(owner)} with object")
    first, last = _bounds(len(owner), start, end)
    return owner[first:last]


def _bounds(size: int, start: Any, end: Any) -> tuple[int, int]:
    for bound in (start, end):
        if bound is not None and (not is_number(bound) or bound != bound):
            raise JqError("Start and end indices of an array slice must be numbers")
    first = 0 if start is None else math.floor(max(min(start, size), -size))
    last = size if end is None else math.ceil(max(min(end, size), -size))
    first = first + size if first < 0 else first
    last = last + size if last < 0 else last
    return min(first, size), max(min(last, size), min(first, size))


def iterate(value: Any) -> list[tuple[Any, Any]]:
    """Keys and values of a list or an object."""
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, dict):
        return list(value.items())
    raise JqError(f"Cannot iterate over {describe(value) if value is not None else 'null'}")

"""Truth and equality of values (expression spec §3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from batuta.expr.budget import Nodes
from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.kinds import Char, Entry, int_kind, is_number

_MOST_LEVELS = 100
_MOST_COMPARED = 500_000


def as_boolean(value: Any) -> bool:
    """The boolean that `and`, `or`, `not` and `if` see.

    Raises:
        EvaluationError: null, a list or a map.
    """
    if value is True or value is False:
        return bool(value)
    if type(value) is str:
        return value != ""
    if is_number(value):
        return bool(value == value and value != 0)
    raise EvaluationError(
        "A condition must be a boolean, a number or a text",
        expected="Boolean, number or String",
        seen=[value],
    )


def equal(left: Any, right: Any) -> bool:
    """`left == right`: two numbers as doubles, anything else by type and content."""
    if type(left) is str and type(right) is str:
        return bool(left == right)
    if is_number(left) and is_number(right):
        return as_double(left) == as_double(right)
    return same(left, right)


def as_double(number: Any) -> float:
    """A number as a double; too large becomes infinite."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def same(left: Any, right: Any) -> bool:
    """Equality inside lists and maps: strict by type."""
    return _same(left, right, 0, [_MOST_COMPARED])


def _same(left: Any, right: Any, level: int, left_over: list[int]) -> bool:
    if left is right:
        return True
    kind = type(left)
    if kind is str or kind is Char or kind is bool:
        return type(right) is kind and bool(left == right)
    if left is None or right is None:
        return False
    if isinstance(left, int):
        return (
            isinstance(right, int)
            and not isinstance(right, bool)
            and int_kind(left) is int_kind(right)
            and int(left) == int(right)
        )
    left_over[0] -= 1 + (len(left) if isinstance(left, (list, dict)) else 0)
    if level > _MOST_LEVELS or left_over[0] < 0:
        raise LimitError("The values are too large to be compared")
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(_same(a, b, level + 1, left_over) for a, b in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and len(left) == len(right)
            and all(
                key in right and _same(item, right[key], level + 1, left_over) for key, item in left.items()
            )
        )
    if isinstance(left, Entry):
        return (
            isinstance(right, Entry)
            and _same(left.key, right.key, level + 1, left_over)
            and _same(left.value, right.value, level + 1, left_over)
        )
    if type(right) is not kind:
        return False
    if isinstance(left, Decimal):
        return bool(left == right and left.as_tuple().exponent == right.as_tuple().exponent)
    return bool(left == right)


def identity(value: Any, level: int = 0, nodes: Nodes | None = None) -> Any:
    """A hashable key that is equal for values that are `same`. One `nodes` serves many calls."""
    nodes = nodes or Nodes()
    if isinstance(value, bool) or value is None:
        return (type(value), value)
    if isinstance(value, int):
        return (int_kind(value), int(value))
    if isinstance(value, Decimal):
        return (Decimal, value.as_tuple())
    if isinstance(value, list):
        nodes.take(len(value), level)
        return (list, tuple(identity(item, level + 1, nodes) for item in value))
    if isinstance(value, Mapping):
        nodes.take(len(value), level)
        return (
            dict,
            frozenset((identity(key), identity(item, level + 1, nodes)) for key, item in value.items()),
        )
    if isinstance(value, Entry):
        return (Entry, identity(value.key), identity(value.value, level + 1, nodes))
    return (type(value), value)


def is_blank(value: Any) -> bool:
    """What the test `empty` and the filter `default` mean: null, blank text, empty list or map."""
    if value is None:
        return True
    if isinstance(value, str):
        return type(value) is not Char and not value.strip()
    if isinstance(value, (list, dict)):
        return not value
    return False

"""Arithmetic and comparison of jq."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from batuta.expr.errors import LimitError
from batuta.expr.jq.data import JqError, describe, number, order, same
from batuta.expr.kinds import is_number
from batuta.expr.run import Run


def add(run: Run, left: Any, right: Any) -> Any:
    """`left + right`; null is neutral."""
    if left is None:
        return right
    if right is None:
        return left
    if is_number(left) and is_number(right):
        return _computed(left + right)
    if isinstance(left, str) and isinstance(right, str):
        run.fits(len(left) + len(right))
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        run.grow(len(left) + len(right))
        return left + right
    if isinstance(left, dict) and isinstance(right, dict):
        run.grow(len(left) + len(right))
        return {**left, **right}
    raise JqError(f"{describe(left)} and {describe(right)} cannot be added")


def _computed(value: Any) -> Any:
    if isinstance(value, int):
        # Beyond 64 bits the numbers of jq are doubles.
        return value if -(2**63) <= value < 2**63 else float(value)
    return number(value)


def subtract(run: Run, left: Any, right: Any) -> Any:
    """`left - right`; of two lists, the elements that are not in the second."""
    if is_number(left) and is_number(right):
        return _computed(left - right)
    if isinstance(left, list) and isinstance(right, list):
        unwanted = [order(item) for item in right]
        if len(left) * len(right) > run.options.limits.steps:
            raise LimitError("The lists are too long to be subtracted")
        return [item for item in left if order(item) not in unwanted]
    raise JqError(f"{describe(left)} and {describe(right)} cannot be subtracted")


def multiply(run: Run, left: Any, right: Any) -> Any:
    """`left * right`: numbers, a text repeated, or two objects merged at every depth."""
    if is_number(left) and is_number(right):
        return _computed(left * right)
    if isinstance(right, str) and is_number(left):
        left, right = right, left
    if isinstance(left, str) and is_number(right):
        if right != right or right <= 0:
            return None
        times = max(1, math.ceil(min(right, 1e9)))
        run.fits(len(left) * times)
        return left * times
    if isinstance(left, dict) and isinstance(right, dict):
        return _merged(run, left, right, 0)
    raise JqError(f"{describe(left)} and {describe(right)} cannot be multiplied")


def _merged(run: Run, left: dict[str, Any], right: dict[str, Any], level: int) -> dict[str, Any]:
    if level > 200:
        raise LimitError("A value is nested too deeply for jq")
    run.grow(len(left) + len(right))
    merged = dict(left)
    for key, item in right.items():
        known = merged.get(key)
        both = isinstance(known, dict) and isinstance(item, dict)
        merged[key] = _merged(run, known, item, level + 1) if both else item  # type: ignore[arg-type]
    return merged


def divide(run: Run, left: Any, right: Any) -> Any:
    """`left / right`: numbers, or a text split."""
    if is_number(left) and is_number(right):
        if right == 0:
            raise JqError(
                f"{describe(left)} and {describe(right)} cannot be divided because the divisor is zero"
            )
        if isinstance(left, int) and isinstance(right, int) and left % right == 0:
            return left // right
        return number(left / right)
    if isinstance(left, str) and isinstance(right, str):
        return split_text(run, left, right)
    raise JqError(f"{describe(left)} and {describe(right)} cannot be divided")


def split_text(run: Run, text: str, separator: str) -> list[str]:
    """The parts of a text; nothing of an empty one, characters for an empty separator."""
    if not text:
        return []
    parts = text.split(separator) if separator else list(text)
    run.grow(len(parts))
    return parts


def remainder(run: Run, left: Any, right: Any) -> Any:
    """`left % right` of the whole parts, with the sign of the dividend."""
    if not (is_number(left) and is_number(right)):
        raise JqError(f"{describe(left)} and {describe(right)} cannot be divided")
    if left != left or right != right:
        return math.nan
    first, second = _whole(left), _whole(right)
    if second == 0:
        raise JqError(f"{describe(left)} and {describe(right)} cannot be divided because the divisor is zero")
    return int(math.copysign(1, first)) * (abs(first) % abs(second)) if first else 0


def _whole(value: Any) -> int:
    return int(max(min(value, 2**63 - 1), -(2**63)))


BINARY: dict[str, Callable[[Run, Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "==": lambda run, left, right: same(left, right),
    "!=": lambda run, left, right: not same(left, right),
    "<": lambda run, left, right: order(left) < order(right),
    "<=": lambda run, left, right: order(left) <= order(right),
    ">": lambda run, left, right: order(left) > order(right),
    ">=": lambda run, left, right: order(left) >= order(right),
}
"""The operators that look at two values."""

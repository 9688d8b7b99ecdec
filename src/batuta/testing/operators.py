"""The operators of assertions (flow spec §18): numbers compare as numbers, everything else as text.

Each operator gets what was found, both as a value and as the text that a template would print, and what was
expected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import msgspec

from batuta.errors import BatutaError
from batuta.expr import printing


class Operator(StrEnum):
    """What an assertion may ask; the names are those of its properties."""

    EQUAL_TO = "equalTo"
    NOT_EQUAL_TO = "notEqualTo"
    CONTAINS = "contains"
    STARTS_WITH = "startsWith"
    ENDS_WITH = "endsWith"
    IS_NULL = "isNull"
    IS_NOT_NULL = "isNotNull"
    GREATER_THAN = "greaterThan"
    GREATER_THAN_OR_EQUAL_TO = "greaterThanOrEqualTo"
    LESS_THAN = "lessThan"
    LESS_THAN_OR_EQUAL_TO = "lessThanOrEqualTo"
    IN = "in"
    NOT_IN = "notIn"


ASKS_FOR_NULL = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
"""Operators for which a value that does not exist is null, and no mistake."""
TAKES_LIST = frozenset({Operator.IN, Operator.NOT_IN})
"""Operators that compare with each item of a list."""
TAKES_FLAG = ASKS_FOR_NULL
"""Operators that say yes or no."""


class Unfit(BatutaError):
    """What was expected is nothing that the operator can compare with."""

    code = "test.unfit"


class Actual(msgspec.Struct, frozen=True):
    """What was found. `value` is plain data; `text` is what a template prints, None for null."""

    value: Any
    text: str | None


def holds(operator: Operator, actual: Actual, expected: Any) -> bool:
    """The operator is satisfied.

    Raises:
        Unfit: `expected` is of a kind with which the operator cannot compare.
    """
    return _RULES[operator](actual, expected)


def _equal(actual: Actual, expected: Any) -> bool:
    if expected is None or actual.text is None:
        return expected is None and actual.text is None
    if isinstance(expected, dict | list):
        found = actual.value
        if isinstance(found, str):
            try:
                found = msgspec.json.decode(found)
            except msgspec.DecodeError:
                return False
        return bool(found == expected)
    numbers = _numbers(actual, expected)
    if numbers is not None:
        return numbers[0] == numbers[1]
    return actual.text == printing.text(expected)


def _compared(accepts: Callable[[int], bool]) -> Callable[[Actual, Any], bool]:
    """A rule over the order of two values: less than 0, 0, or more than 0."""

    def rule(actual: Actual, expected: Any) -> bool:
        if actual.text is None or expected is None:
            return False
        if isinstance(expected, dict | list):
            raise Unfit(f"nothing is more or less than {_shown(expected)}", mend="compare with one value")
        numbers = _numbers(actual, expected)
        if numbers is not None:
            return accepts((numbers[0] > numbers[1]) - (numbers[0] < numbers[1]))
        other = printing.text(expected)
        return accepts((actual.text > other) - (actual.text < other))

    return rule


def _contains(actual: Actual, expected: Any) -> bool:
    if actual.text is None:
        return False
    if isinstance(actual.value, list) and any(
        _equal(Actual(item, None if item is None else printing.text(item)), expected) for item in actual.value
    ):
        return True
    if isinstance(expected, dict | list):
        return False
    return printing.text(expected) in actual.text


def _is_one_of(actual: Actual, expected: Any) -> bool:
    if not isinstance(expected, list):
        raise Unfit(f"a list was expected, but it is {_shown(expected)}", mend="write `[first, second]`")
    return any(_equal(actual, item) for item in expected)


def _null(actual: Actual, expected: Any) -> bool:
    return (actual.text is None) is _flag(expected)


def _flag(expected: Any) -> bool:
    if isinstance(expected, bool):
        return expected
    if isinstance(expected, str) and expected.strip().lower() in ("true", "false"):
        return expected.strip().lower() == "true"
    raise Unfit(f"`true` or `false` was expected, but it is {_shown(expected)}", mend="write `true`")


def _numbers(actual: Actual, expected: Any) -> tuple[Decimal, Decimal] | None:
    """Both as numbers; None unless both are."""
    one, other = _number(actual.value), _number(expected)
    return None if one is None or other is None else (one, other)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    text = str(value).strip()
    # Words such as `nan` and `infinity` are text, and so is `1_000`.
    if not text or text[-1] not in "0123456789." or "_" in text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _shown(value: Any) -> str:
    if isinstance(value, Collection) and not isinstance(value, str):
        return "a map" if isinstance(value, dict) else "a list"
    return f"`{printing.text(value)}`"


_RULES: dict[Operator, Callable[[Actual, Any], bool]] = {
    Operator.EQUAL_TO: _equal,
    Operator.NOT_EQUAL_TO: lambda actual, expected: not _equal(actual, expected),
    Operator.CONTAINS: _contains,
    Operator.STARTS_WITH: lambda actual, expected: (
        actual.text is not None and actual.text.startswith(printing.text(expected))
    ),
    Operator.ENDS_WITH: lambda actual, expected: (
        actual.text is not None and actual.text.endswith(printing.text(expected))
    ),
    Operator.IS_NULL: _null,
    Operator.IS_NOT_NULL: lambda actual, expected: not _null(actual, expected),
    Operator.GREATER_THAN: _compared(lambda order: order > 0),
    Operator.GREATER_THAN_OR_EQUAL_TO: _compared(lambda order: order >= 0),
    Operator.LESS_THAN: _compared(lambda order: order < 0),
    Operator.LESS_THAN_OR_EQUAL_TO: _compared(lambda order: order <= 0),
    Operator.IN: _is_one_of,
    Operator.NOT_IN: lambda actual, expected: not _is_one_of(actual, expected),
}

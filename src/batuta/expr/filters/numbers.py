"""Filters of numbers."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from batuta.expr.catalogue import filter_
from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.kinds import (
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    BigInteger,
    Float,
    Long,
    class_name,
    int_kind,
    is_number,
    to_float,
    wrap_int,
    wrap_long,
)
from batuta.expr.run import Run

_HEX = re.compile(r"([+-]?)(?:0[xX]|#)([0-9a-fA-F]+)", re.ASCII)
_OCTAL = re.compile(r"([+-]?)0([0-7]+)", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?([0-9]*)|\.([0-9]+))(?:[eE][+-]?[0-9]+)?", re.ASCII)
_MOST_DIGITS = 1000


@filter_("abs", null=True)
def absolute(value: Any) -> Any:
    """The number without its sign, of the same type.

    {{ -7 | abs }} -> 7
    """
    if not is_number(value):
        raise EvaluationError("The filter `abs` wants a number", seen=[value])
    if isinstance(value, int):
        kind = int_kind(value)
        return (
            wrap_int(abs(value))
            if kind is int
            else wrap_long(abs(value))
            if kind is Long
            else kind(abs(value))
        )
    return Float(abs(value)) if type(value) is Float else abs(value)


@filter_("className")
def class_name_(value: Any) -> str:
    """The name of the value's type, as the reference calls it.

    {{ 1.5 | className }} -> java.lang.Double
    """
    return class_name(value)


@filter_("number")
def number(value: Any, type: Any = None) -> Any:
    """The number that a text spells: `INT`, `LONG`, `FLOAT`, `DOUBLE`, `BIGDECIMAL`, `BIGINTEGER`, or what
    fits.

    {{ '12' | number('INT') + 1 }} -> 13
    """
    if not isinstance(value, str):
        raise EvaluationError("The filter `number` wants a text", seen=[value])
    if len(value) > _MOST_DIGITS:
        raise EvaluationError(f"A number of more than {_MOST_DIGITS} characters")
    if type is not None and type not in _TYPED:
        raise EvaluationError("`type` of `number` is unknown", expected=", ".join(_TYPED), seen=[type])
    try:
        return _infer(value) if type is None else _TYPED[type](value)
    except (ValueError, InvalidOperation, OverflowError):
        raise EvaluationError(
            "The text is not such a number", expected=type or "a number", seen=[value]
        ) from None


def _whole(text: str, least: int | None = None, most: int | None = None) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    result = int(text)
    if least is not None and most is not None and not least <= result <= most:
        raise ValueError(text)
    return result


def _double(text: str) -> float:
    # Blanks around are allowed here, as by the reference; names of no number are not what Python calls them.
    body = text.strip()
    if body.lstrip("+-") in ("NaN", "Infinity"):
        return float(body)
    if body[-1:] in ("f", "F", "d", "D"):
        body = body[:-1]
    if not _DECIMAL.fullmatch(body):
        raise ValueError(text)
    return float(body)


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return _bounded(Decimal(text))


def _bounded(value: Decimal) -> Decimal:
    """Refuse exponents whose digits nobody could write down."""
    if abs(value.adjusted()) > _MOST_DIGITS:
        raise LimitError(f"A number of more than {_MOST_DIGITS} digits")
    return value


_TYPED: dict[str, Any] = {
    "INT": lambda text: _whole(text, INT_MIN, INT_MAX),
    "LONG": lambda text: Long(_whole(text, LONG_MIN, LONG_MAX)),
    "FLOAT": lambda text: to_float(_double(text)),
    "DOUBLE": _double,
    "BIGDECIMAL": _decimal,
    "BIGINTEGER": lambda text: BigInteger(_whole(text)),
}


def _infer(text: str) -> Any:
    prefixed = _HEX.fullmatch(text)
    if prefixed:
        return _by_size(int(prefixed[1] + prefixed[2], 16))
    if _WHOLE.fullmatch(text):
        octal = _OCTAL.fullmatch(text)
        if octal is None and text.lstrip("+-").startswith("0") and text.lstrip("+-") != "0":
            raise ValueError(text)
        return _by_size(int(octal[1] + octal[2], 8) if octal else int(text))
    suffix = text[-1:]
    if suffix in ("l", "L"):
        whole = _whole(text[:-1])
        return Long(whole) if LONG_MIN <= whole <= LONG_MAX else BigInteger(whole)
    if suffix in ("f", "F", "d", "D"):
        return _fitting(text[:-1], wanted="F" if suffix in "fF" else "D")
    return _fitting(text, wanted="")


def _by_size(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    return Long(value) if LONG_MIN <= value <= LONG_MAX else BigInteger(value)


def _fitting(text: str, wanted: str) -> Any:
    """Float up to 7 digits after the point, Double up to 16, else BigDecimal; wider when needed."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(text)
    places = len(match[1] or match[2] or "")
    exact = _bounded(Decimal(text))
    if wanted == "F" or (not wanted and places <= 7):
        single = to_float(float(text))
        if _holds(single, exact):
            return single
    if wanted or places <= 16:
        double = float(text)
        if _holds(double, exact):
            return double
    return exact


def _holds(value: float, exact: Decimal) -> bool:
    return abs(value) != float("inf") and (value != 0 or exact == 0)


@filter_("numberFormat")
def number_format(run: Run, value: Any, format: Any = "#,##0.###") -> str:
    """The number by a pattern such as `#,##0.00`, `0.0%` or `0.00E0`; halves go to the even digit.

    {{ 1234.5 | numberFormat('#,##0.00') }} -> 1,234.50
    """
    from batuta.expr.filters.decimal_pattern import format_number

    if not is_number(value):
        raise EvaluationError("The filter `numberFormat` wants a number", seen=[value])
    return format_number(value, "#,##0.###" if format is None else str(format), run.options.locale)


@filter_("format")
def format_(run: Run, value: Any, *arguments: Any) -> str:
    """The arguments put into a text by `%s`, `%d`, `%05.2f` and the like.

    {{ '%s-%03d' | format('a', 7) }} -> a-007
    """
    from batuta.expr.filters.format_string import format_text

    if not isinstance(value, str):
        raise EvaluationError("The filter `format` wants a text", seen=[value])
    return format_text(run, value, arguments)

"""The kinds of values that Python does not tell apart but templates do.

A plain `int` of at most 32 bits is an Integer, as JSON in a context gives it; a `Long` is what a literal
makes. Arithmetic, `className` and comparison inside lists depend on it (expression spec, introduction). None
of these kinds leaves the evaluator: see `printing.plain`.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1


class Long(int):
    """An integer of 64 bits, even when it is small."""

    __slots__ = ()


class BigInteger(int):
    """An integer of any size, even when it is small."""

    __slots__ = ()


class Float(float):
    """A number of single precision."""

    __slots__ = ()


class Char(str):
    """One character that is not a text: unequal to a text of the same letter."""

    __slots__ = ()


class Array(list):  # type: ignore[type-arg]
    """What `split` gives: printed and read like a list, but the filters that want a list refuse it."""

    __slots__ = ()


class Entry:
    """One entry of a map, as `for` hands it out."""

    __slots__ = ("key", "value")

    def __init__(self, key: Any, value: Any) -> None:
        self.key = key
        self.value = value

    def __str__(self) -> str:
        return f"{self.key}={self.value}"

    __repr__ = __str__


def to_float(value: float) -> Float:
    """`value` rounded to single precision; too large becomes infinite."""
    import struct  # slow to load, and rarely needed

    try:
        return Float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return Float("inf") if value > 0 else Float("-inf")


def wrap_long(value: int) -> Long:
    """The lowest 64 bits of `value`, as a signed number."""
    if LONG_MIN <= value <= LONG_MAX:
        return Long(value)
    return Long((value - LONG_MIN) % 2**64 + LONG_MIN)


def wrap_int(value: int) -> int:
    """The lowest 32 bits of `value`, as a signed number."""
    if INT_MIN <= value <= INT_MAX:
        return value
    return (value - INT_MIN) % 2**32 + INT_MIN


def integer(value: int) -> int:
    """The narrowest kind that holds a number read from JSON, YAML or Ion."""
    value = int(value)
    return value if LONG_MIN <= value <= LONG_MAX else BigInteger(value)


def int_kind(value: int) -> type:
    """`int` for an Integer, else `Long` or `BigInteger`."""
    kind = type(value)
    if kind is not int:
        return kind
    if INT_MIN <= value <= INT_MAX:
        return int
    return Long if LONG_MIN <= value <= LONG_MAX else BigInteger


_NAMES: dict[type, str] = {
    bool: "java.lang.Boolean",
    Long: "java.lang.Long",
    BigInteger: "java.math.BigInteger",
    float: "java.lang.Double",
    Float: "java.lang.Float",
    Decimal: "java.math.BigDecimal",
    str: "java.lang.String",
    Char: "java.lang.Character",
    list: "java.util.ArrayList",
    Array: "[Ljava.lang.String;",
    dict: "java.util.LinkedHashMap",
    Entry: "java.util.LinkedHashMap$Entry",
    datetime: "java.time.ZonedDateTime",
    date: "java.time.LocalDate",
    time: "java.time.LocalTime",
    timedelta: "java.time.Duration",
    bytes: "[B",
}


def class_name(value: Any) -> str:
    """The name of the reference runtime's class of `value`."""
    kind: type = type(value)
    if kind is int:
        kind = int_kind(value)
        if kind is int:
            return "java.lang.Integer"
    return _NAMES.get(kind, "java.lang.Object")


_SHORT = {
    "ArrayList": "List",
    "LinkedHashMap": "Map",
    "LinkedHashMap$Entry": "Entry",
    "ZonedDateTime": "Date-time",
    "[Ljava.lang.String;": "Array",
    "String;": "Array",
}


def type_name(value: Any) -> str:
    """The name of the type of `value` in messages: `Long`, `String`, `Map`."""
    if value is None:
        return "null"
    name = class_name(value).rpartition(".")[2]
    return _SHORT.get(name, name)


def is_number(value: Any) -> bool:
    """Whether `value` takes part in arithmetic."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)

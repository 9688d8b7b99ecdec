"""The part of Ion that our row files are written in, read many times as fast as the library does.

Whatever else a line holds is left to the library: `parse` says so by giving `UNKNOWN`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

UNKNOWN: Final = object()
"""The line has something that is not read here."""

_END = r"(?=[,\]}\s]|\Z)"
_ATOM = re.compile(
    rf'"([^"\\]*)"'
    rf"|(-?(?:0|[1-9]\d*)){_END}"
    rf"|(null|true|false){_END}"
    rf"|(-?(?:0|[1-9]\d*)\.\d*){_END}"
    rf"|(-?(?:0|[1-9]\d*)(?:\.\d*)?[eE][+-]?\d+){_END}"
    rf"|(-?(?:0|[1-9]\d*)(?:\.\d*)?[dD][+-]?\d+){_END}"
    rf"|(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{{1,6}})?(?:Z|[+-]\d\d:\d\d)){_END}"
    rf"|(\d{{4}}-\d\d-\d\d){_END}"
    r'|("(?:[^"\\]|\\.)*")'
    r'|([A-Za-z]+::"[^"\\]*")'
    r"|\{\{([A-Za-z0-9+/=]*)\}\}"
)
_KEY = re.compile(r"([A-Za-z_$][\w$]*|'[^'\\]*'|\"[^\"\\]*\")\s*:\s*")
_SPACE = re.compile(r"\s*")
_KEYWORDS = {"null": None, "true": True, "false": False}


class _Unknown(Exception):
    """Not read here."""


def parse(line: str, annotated: Callable[[str, str], Any]) -> Any:
    """The value of a line; `annotated` makes one of `Annotation::"text"`."""
    try:
        value, at = _Reader(line, annotated).value(_space(line, 0))
    except (_Unknown, ValueError, binascii.Error, ArithmeticError, RecursionError, msgspec.DecodeError):
        return UNKNOWN
    return value if _space(line, at) == len(line) else UNKNOWN


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


class _Reader:
    """Reads one line."""

    def __init__(self, text: str, annotated: Callable[[str, str], Any]) -> None:
        self._text = text
        self._annotated = annotated

    def value(self, at: int) -> tuple[Any, int]:
        """The value that begins here, and where it ends."""
        found = _ATOM.match(self._text, at)
        if found is not None:
            group = found.lastindex or 0
            return self._atom(group, found[group]), found.end()
        match self._text[at : at + 1]:
            case "{":
                return self._struct(_space(self._text, at + 1))
            case "[":
                return self._list(_space(self._text, at + 1))
        raise _Unknown

    def _atom(self, group: int, text: str) -> Any:
        match group:
            case 1:
                return text
            case 2:
                return int(text)
            case 3:
                return _KEYWORDS[text]
            case 4:
                return Decimal(text)
            case 5:
                return float(text)
            case 6:
                return Decimal(text.replace("d", "E").replace("D", "E"))
            case 7:
                return datetime.fromisoformat(text).astimezone(UTC)
            case 8:
                return date.fromisoformat(text)
            case 9:
                return msgspec.json.decode(text)
            case 10:
                kind, _, quoted = text.partition("::")
                return self._annotated(kind, quoted[1:-1])
            case _:
                return base64.b64decode(text, validate=True)

    def _struct(self, at: int) -> tuple[dict[str, Any], int]:
        text = self._text
        found: dict[str, Any] = {}
        if text[at : at + 1] == "}":
            return found, at + 1
        while True:
            key = _KEY.match(text, at)
            if key is None:
                raise _Unknown
            name = key[1]
            found[name[1:-1] if name[0] in "'\"" else name], at = self.value(key.end())
            at, ends = self._next(at, "}")
            if ends:
                return found, at

    def _list(self, at: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        if self._text[at : at + 1] == "]":
            return found, at + 1
        while True:
            value, at = self.value(at)
            found.append(value)
            at, ends = self._next(at, "]")
            if ends:
                return found, at

    def _next(self, at: int, end: str) -> tuple[int, bool]:
        """Past a comma, or past the end."""
        text = self._text
        sign = text[at : at + 1]
        if sign not in (",", end):
            at = _space(text, at)
            sign = text[at : at + 1]
        if sign == end:
            return at + 1, True
        if sign != ",":
            raise _Unknown
        at += 1
        return (at if text[at : at + 1] not in (" ", "\t") else _space(text, at)), False

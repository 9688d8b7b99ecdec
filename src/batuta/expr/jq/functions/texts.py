"""Functions of strings, and from and to them."""

from __future__ import annotations

from typing import Any

from batuta.expr.jq import operators
from batuta.expr.jq.data import JqError, describe, iterate, prepare
from batuta.expr.jq.formats import FORMATS, to_text
from batuta.expr.jq.functions.registering import Functions
from batuta.expr.kinds import is_number
from batuta.expr.parsing import parse_json
from batuta.expr.printing import json_text
from batuta.expr.run import Run

FUNCTIONS = Functions()
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise JqError(f"{describe(value)} {what}")
    return value


def _join(run: Run, value: Any, separator: Any) -> str:
    pieces = []
    for _, item in iterate(value):
        if isinstance(item, (list, dict)):
            raise JqError(f"{describe(item)} cannot be added to a string")
        pieces.append("" if item is None else to_text(item))
    mark = _text(separator, "cannot be a separator") if pieces else ""
    run.fits(sum(map(len, pieces)) + len(mark) * len(pieces))
    return mark.join(pieces)


def _tonumber(run: Run, value: Any) -> Any:
    if is_number(value):
        return value
    text = _text(value, "cannot be parsed as a number")
    try:
        found = parse_json(text.strip())
    except ValueError:
        found = None
    if not is_number(found):
        raise JqError(f"{describe(value)} cannot be parsed as a number")
    return found


def _fromjson(run: Run, value: Any) -> Any:
    text = _text(value, "cannot be parsed as JSON")
    try:
        return _with_nulls(parse_json(text))
    except ValueError as error:
        raise JqError(f"{error} (while parsing '{text[:40]}')") from None


def _with_nulls(value: Any) -> Any:
    return value if isinstance(value, (dict, list)) else prepare(value)


def _implode(run: Run, value: Any) -> str:
    codes = [code for _, code in iterate(value)]
    if not all(is_number(code) and 0 <= code < 0x110000 for code in codes):
        raise JqError("Unicode codepoint must be numeric")
    return "".join(chr(int(code)) for code in codes)


def _formatted(value: Any, name: Any) -> str:
    write = FORMATS.get(f"@{name}")
    if write is None:
        raise JqError(f"{name} is not a valid format")
    return write(value)


FUNCTIONS.simple(
    "utf8bytelength",
    0,
    lambda run, v: len(_text(v, "only strings have UTF-8 byte length").encode("utf-8", "replace")),
)
FUNCTIONS.simple("tostring", 0, lambda run, value: to_text(value))
FUNCTIONS.simple("tojson", 0, lambda run, value: json_text(value, keep_nulls=True))
FUNCTIONS.simple("fromjson", 0, _fromjson)
FUNCTIONS.simple("tonumber", 0, _tonumber)
FUNCTIONS.simple("join", 1, _join)
FUNCTIONS.simple(
    "split",
    1,
    lambda run, value, mark: operators.split_text(
        run, _text(value, "cannot be split"), _text(mark, "cannot split")
    ),
)
FUNCTIONS.simple(
    "startswith",
    1,
    lambda run, v, x: _text(v, "startswith() requires string inputs").startswith(_text(x, "is no string")),
)
FUNCTIONS.simple(
    "endswith",
    1,
    lambda run, v, x: _text(v, "endswith() requires string inputs").endswith(_text(x, "is no string")),
)
FUNCTIONS.simple("explode", 0, lambda run, value: [ord(char) for char in _text(value, "cannot be exploded")])
FUNCTIONS.simple("implode", 0, _implode)
FUNCTIONS.simple("ascii_downcase", 0, lambda run, v: _text(v, "must be a string").translate(_LOWER))
FUNCTIONS.simple("ascii_upcase", 0, lambda run, v: _text(v, "must be a string").translate(_UPPER))
FUNCTIONS.simple("trim", 0, lambda run, v: _text(v, "cannot be trimmed").strip())
FUNCTIONS.simple("ltrim", 0, lambda run, v: _text(v, "cannot be trimmed").lstrip())
FUNCTIONS.simple("rtrim", 0, lambda run, v: _text(v, "cannot be trimmed").rstrip())
FUNCTIONS.simple("format", 1, lambda run, value, name: _formatted(value, name))

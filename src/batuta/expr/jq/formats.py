"""`@base64`, `@csv` and their siblings: values to text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batuta.expr.jq.data import JqError, describe
from batuta.expr.printing import json_text


def to_text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json_text(value, keep_nulls=True)


def _json(value: Any) -> str:
    return json_text(value, keep_nulls=True)


def _html(value: Any) -> str:
    text = to_text(value)
    for char, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ("'", "#39"), ('"', "quot")):
        text = text.replace(char, f"&{name};")
    return text


def _uri(value: Any) -> str:
    from urllib.parse import quote

    return quote(to_text(value).encode("utf-8", "replace"), safe="-_.~")


def _row(value: Any, name: str, write: Callable[[str], str], separator: str) -> str:
    if not isinstance(value, list):
        raise JqError(f"{describe(value)} cannot be {name}-formatted, only an array can be")
    cells = []
    for cell in value:
        if isinstance(cell, (list, dict)):
            raise JqError(f"{describe(cell)} is not valid in a {name} row")
        cells.append("" if cell is None else write(cell) if isinstance(cell, str) else _json(cell))
    return separator.join(cells)


def _csv(value: Any) -> str:
    return _row(value, "csv", lambda cell: '"' + cell.replace('"', '""') + '"', ",")


def _tsv(value: Any) -> str:
    def write(cell: str) -> str:
        return cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")

    return _row(value, "tsv", write, "\t")


def _shell(value: Any) -> str:
    cells = value if isinstance(value, list) else [value]
    shown = []
    for cell in cells:
        if isinstance(cell, (list, dict)):
            raise JqError(f"{describe(cell)} can not be escaped for shell")
        shown.append("'" + cell.replace("'", "'\\''") + "'" if isinstance(cell, str) else _json(cell))
    return " ".join(shown)


def _base64(value: Any) -> str:
    from base64 import b64encode

    return b64encode(to_text(value).encode("utf-8", "replace")).decode()


def _base64d(value: Any) -> str:
    from base64 import b64decode

    text = to_text(value).rstrip("=")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8", "replace")
    except ValueError:
        raise JqError(f"{describe(value)} is not valid base64 data") from None


FORMATS: dict[str, Callable[[Any], str]] = {
    "@text": to_text,
    "@json": _json,
    "@html": _html,
    "@uri": _uri,
    "@csv": _csv,
    "@tsv": _tsv,
    "@sh": _shell,
    "@base64": _base64,
    "@base64d": _base64d,
}


def apply_format(name: str, value: Any) -> str:
    """`value` written as `name` says."""
    write = FORMATS.get(name)
    if write is None:
        raise JqError(f"{name[1:]} is not a valid format")
    return write(value)

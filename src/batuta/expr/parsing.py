"""JSON read as the reference reads it: strict, integers in the narrowest kind, decimals as doubles."""

from __future__ import annotations

import json
from typing import Any

from batuta.expr.kinds import integer


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > 1000:
        raise ValueError("an integer of more than 1000 digits")
    return integer(int(digits))


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: the text is not JSON, or nested too deeply.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def leading_json(text: str) -> Any:
    """The JSON value that `text` begins with, or the text itself."""
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return text

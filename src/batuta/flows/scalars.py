"""Scalars of YAML as flows have always meant them: `on`, `yes` and dates are text, `017` is octal."""

from __future__ import annotations

import math
import re
from typing import Any

TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
TAGS = frozenset({TEXT, _NULL, *(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool"))})
"""Tags that say something about a scalar; others change nothing."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F_]+")
_BINARY = re.compile(r"[-+]?0b[01_]+")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?)"
)
_MOST_DIGITS = 1000
"""A longer number stays text: reading it would cost time that grows with the square of its length."""


def scalar(text: str, tag: str | None = None) -> Any:
    """The value of a scalar. Quoted ones carry the tag of text; an unknown tag changes nothing."""
    if tag == TEXT:
        return text
    if tag == _NULL or text in _NULLS:
        return None
    first = text[0]
    if first in "tTfF":
        return _BOOLEANS.get(text, text)
    if first not in "0123456789+-." or len(text) > _MOST_DIGITS:
        return text
    return _number(text)


def _number(text: str) -> Any:
    digits = text.replace("_", "")
    try:
        if _DECIMAL.fullmatch(text):
            return int(digits)
        if _OCTAL.fullmatch(text):
            return int(digits, 8)
        if _HEXADECIMAL.fullmatch(text):
            return int(digits, 16)
        if _BINARY.fullmatch(text):
            return int(digits, 2)
    except ValueError:
        return text
    if _FLOAT.fullmatch(text):
        value = float(digits)
        return value if math.isfinite(value) else text
    return text

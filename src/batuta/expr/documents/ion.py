"""Ion text, both ways."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from batuta.expr.budget import Nodes
from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.kinds import Entry, Float, integer
from batuta.expr.printing import big_integer_text, double_text, float_text, key_text, scalar

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
_KEYWORDS = frozenset({"null", "true", "false", "nan"})
_MOST_LEVELS = 100
_BRACKET = re.compile(r"[\[{(\])}]")
_ESCAPES = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    "\v": "\\v",
    "\\": "\\\\",
}
_ESCAPED = re.compile(r"[\x00-\x1f\x7f-\x9f\\\"']")


def ion_text(value: Any, room: int, level: int = 0, nodes: Nodes | None = None) -> str:
    """`value` as Ion text of at most `room` characters.

    Raises:
        LimitError: it is longer, or nested too deeply.
    """
    nodes = nodes or Nodes()
    if isinstance(value, (dict, list)):
        nodes.take(len(value), level)
    if isinstance(value, dict):
        shown = _struct(value.items(), room, level, nodes)
    elif isinstance(value, Entry):
        shown = _struct([(value.key, value.value)], room, level, nodes)
    elif isinstance(value, (list, tuple, set, frozenset)):
        pieces = []
        for item in value:
            pieces.append(ion_text(item, room, level + 1, nodes))
            room -= len(pieces[-1]) + 1
        shown = "[" + ",".join(pieces) + "]"
    else:
        shown = _scalar(value)
        room -= len(shown)
    if room < 0:
        raise LimitError("The Ion text is too long")
    return shown


def _struct(entries: Any, room: int, level: int, nodes: Nodes) -> str:
    pieces = []
    for key, item in entries:
        pieces.append(f"{_symbol(key_text(key))}:{ion_text(item, room, level + 1, nodes)}")
        room -= len(pieces[-1]) + 1
        if room < 0:
            raise LimitError("The Ion text is too long")
    return "{" + ",".join(pieces) + "}"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return big_integer_text(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        text = format(value, "f") if abs(value.adjusted()) < 100 else str(value).replace("E", "d")
        return text if "." in text or "d" in text else text + "."
    if isinstance(value, datetime):
        fraction = (
            f".{value.microsecond:06d}" if value.microsecond % 1000 else f".{value.microsecond // 1000:03d}"
        )
        shown = value.replace(tzinfo=None, microsecond=0).isoformat() + fraction
        offset = value.strftime("%z")
        return shown + (
            "-00:00" if not offset else "Z" if offset[:5] == "+0000" else f"{offset[:3]}:{offset[3:5]}"
        )
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return _quoted(value if isinstance(value, str) else scalar(value), '"')


def _float(value: float) -> str:
    if value != value:
        return "nan"
    if value in (float("inf"), float("-inf")):
        return "+inf" if value > 0 else "-inf"
    text = float_text(value) if type(value) is Float else double_text(value)
    if value == 0:
        return text[:-2] + "e0"
    if text.endswith(".0"):
        return text[:-2] + "e0"
    return text if "E" in text else text + "e0"


def _symbol(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) and name not in _KEYWORDS else _quoted(name, "'")


def _quoted(text: str, quote: str) -> str:
    def escape(match: re.Match[str]) -> str:
        char = match[0]
        if char in "\"'":
            return "\\" + char if char == quote else char
        return _ESCAPES.get(char) or f"\\x{ord(char):02x}"

    return quote + _ESCAPED.sub(escape, text) + quote


def read_ion(text: str) -> list[Any]:
    """The values of an Ion text, in order.

    Raises:
        EvaluationError: it is not Ion.
    """
    from amazon.ion import simpleion

    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in "[{(" else -1
        if depth > _MOST_LEVELS:
            raise LimitError("The Ion text is nested too deeply")
    try:
        return [_plain(value) for value in simpleion.loads(text, single_value=False)]
    except LimitError:
        raise
    except Exception as error:
        # The library raises errors of many classes for text that is not Ion.
        raise EvaluationError(f"Invalid ion: {error}", seen=[text]) from None


def _plain(value: Any) -> Any:
    if value is None or type(value).__name__ == "IonPyNull":
        return None
    if type(value).__name__ == "IonPyBool":
        return bool(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Decimal):
        return _double(value)
    if isinstance(value, datetime):
        plain = datetime(
            value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, UTC
        )
        offset = value.utcoffset()
        return plain if offset is None else plain.replace(tzinfo=value.tzinfo)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        from base64 import b64encode

        return b64encode(value).decode()
    if hasattr(value, "sid"):
        return value.text  # a symbol
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(getattr(value, "text", value))


def _double(value: Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")

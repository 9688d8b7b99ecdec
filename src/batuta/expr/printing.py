"""Values to text: what `{{ }}` writes, JSON, and the plain form that `~` joins (expression spec §5).

Each form has a budget of characters that goes down through nested values, so that a small value which
contains itself many times is refused before it is written.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from batuta import iso8601
from batuta.expr.budget import Nodes
from batuta.expr.errors import LimitError
from batuta.expr.kinds import BigInteger, Char, Entry, Float, Long

MOST_CHARACTERS = 10_485_760
_MOST_DIGITS = 10_000


def text(value: Any, room: int = MOST_CHARACTERS) -> str:
    """What `{{ value }}` writes: null is nothing, lists and maps are JSON."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is int or kind is Long:
        return int.__repr__(value)
    if value is None:
        return ""
    if kind is dict or kind is list or isinstance(value, (list, dict, tuple, set)):
        return json_text(value, room)
    return scalar(value)


def scalar(value: Any) -> str:
    """The text of anything that is neither null nor a collection."""
    kind = type(value)
    if isinstance(value, str):
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if isinstance(value, int):
        return big_integer_text(value)
    if isinstance(value, float):
        return float_text(value) if kind is Float else double_text(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return datetime_text(value)
    if isinstance(value, timedelta):
        return iso8601.format_duration(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return _short_time(value.hour, value.minute, value.second, value.microsecond)
    if isinstance(value, Entry):
        return f"{plain_text(value.key)}={plain_text(value.value)}"
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    return type(value).__name__


# Numbers


def double_text(value: float) -> str:
    """Shortest decimal that reads back the same, scientific from 1.0E7 upward and below 1.0E-3."""
    size = abs(value)
    if 1e-3 <= size < 1e7:
        return float.__repr__(value)
    if value != value:
        return "NaN"
    if size == float("inf"):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if float.__repr__(value)[0] == "-" else "0.0"
    return _scientific(Decimal(float.__repr__(value)))


def float_text(value: float) -> str:
    """Like `double_text`, with the digits that single precision needs."""
    if value != value or abs(value) == float("inf") or value == 0:
        return double_text(float(value))
    import struct  # slow to load, and rarely needed

    packed = struct.pack("f", value)
    shortest = ""
    for digits in range(1, 10):
        shortest = format(float(value), f".{digits}g")
        if struct.pack("f", float(shortest)) == packed:
            break
    if 1e-3 <= abs(value) < 1e7:
        plain = format(Decimal(shortest), "f")
        return plain if "." in plain else plain + ".0"
    return _scientific(Decimal(shortest))


def _scientific(value: Decimal) -> str:
    sign, digits, exponent = value.as_tuple()
    shown = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) - 1 + int(exponent)
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{power}"


def decimal_text(value: Decimal) -> str:
    """Plain digits with the scale that the number has."""
    if value.is_finite() and (
        abs(value.adjusted()) > _MOST_DIGITS or abs(int(value.as_tuple().exponent)) > _MOST_DIGITS
    ):
        raise LimitError(f"A number of more than {_MOST_DIGITS} digits cannot be printed")
    return format(value, "f")


def big_integer_text(value: int) -> str:
    """The digits of an integer of any size."""
    if value.bit_length() > 3 * _MOST_DIGITS:
        raise LimitError(f"A number of more than {_MOST_DIGITS} digits cannot be printed")
    try:
        return int.__repr__(value)
    except ValueError:
        return format(Decimal(int(value)), "f")


# Dates


def _short_time(hour: int, minute: int, second: int, micro: int) -> str:
    shown = f"{hour:02d}:{minute:02d}"
    if second or micro:
        shown += f":{second:02d}"
        if micro:
            shown += f".{micro // 1000:03d}" if micro % 1000 == 0 else f".{micro:06d}"
    return shown


def _offset(value: datetime) -> str:
    offset = value.utcoffset()
    if offset is None:
        return ""
    seconds = int(offset.total_seconds())
    if seconds == 0:
        return "Z"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    shown = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return shown + (f":{seconds % 60:02d}" if seconds % 60 else "")


def datetime_text(value: datetime) -> str:
    """ISO text, seconds and fraction only when they are not zero."""
    clock = _short_time(value.hour, value.minute, value.second, value.microsecond)
    return f"{value.year:04d}-{value.month:02d}-{value.day:02d}T{clock}{_offset(value)}"


def _json_datetime(value: datetime) -> str:
    fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
    return f"{value.replace(tzinfo=None, microsecond=0).isoformat()}{fraction}{_offset(value)}"


# JSON


def json_string(value: str) -> str:
    """A text in quotes; control characters as `\\n` or `\\u001B`."""
    quoted = encode_basestring(value)
    if "\\u00" in quoted:
        quoted = _upper_controls(value)
    return quoted


def _upper_controls(value: str) -> str:
    # The reference writes hexadecimal digits in upper case; the standard library does not.
    pieces = []
    for char in value:
        piece = encode_basestring(char)[1:-1]
        pieces.append("\\u" + piece[2:].upper() if len(piece) == 6 and piece[:2] == "\\u" else piece)
    return '"' + "".join(pieces) + '"'


def json_text(value: Any, room: int = MOST_CHARACTERS, *, keep_nulls: bool = False) -> str:
    """Compact JSON; entries of maps that are null are left out at every depth, unless `keep_nulls`.

    Raises:
        LimitError: the text has more than `room` characters, or the value is nested too deeply.
    """
    kind = type(value)
    if kind is int or kind is Long:
        return int.__repr__(value)
    if value is None:
        return "null"
    return _json(value, room, 0, keep_nulls, Nodes())


def _json(value: Any, room: int, level: int, keep_nulls: bool, nodes: Nodes) -> str:
    kind = type(value)
    if kind is str or kind is Char:
        shown = json_string(value)
    elif kind is int or kind is Long:
        return int.__repr__(value)
    elif value is None:
        return "null"
    elif kind is dict or isinstance(value, dict):
        return _json_map(value, room, level, keep_nulls, nodes)
    elif kind is list or isinstance(value, (list, tuple, set, frozenset)):
        return _json_list(value, room, level, keep_nulls, nodes)
    elif kind is Entry:
        return _json_map({value.key: value.value}, room, level, keep_nulls, nodes)
    else:
        shown = _json_scalar(value)
    if len(shown) > room:
        raise _too_long()
    return shown


def _json_map(value: Any, room: int, level: int, keep_nulls: bool, nodes: Nodes) -> str:
    nodes.take(len(value), level)
    pieces = []
    for key, item in value.items():
        if item is None and not keep_nulls:
            continue
        name = json_string(key if type(key) is str else key_text(key))
        piece = f"{name}:{_json(item, room, level + 1, keep_nulls, nodes)}"
        room -= len(piece) + 1
        if room < 0:
            raise _too_long()
        pieces.append(piece)
    return "{" + ",".join(pieces) + "}"


def _json_list(value: Any, room: int, level: int, keep_nulls: bool, nodes: Nodes) -> str:
    nodes.take(len(value), level)
    pieces = []
    for item in value:
        piece = _json(item, room, level + 1, keep_nulls, nodes)
        room -= len(piece) + 1
        if room < 0:
            raise _too_long()
        pieces.append(piece)
    return "[" + ",".join(pieces) + "]"


def _json_scalar(value: Any) -> str:
    if isinstance(value, float):
        shown = scalar(value)
        return f'"{shown}"' if shown[-1] in "yN" else shown
    if isinstance(value, (bool, int, Decimal)):
        return scalar(value)
    if isinstance(value, datetime):
        return f'"{_json_datetime(value)}"'
    if isinstance(value, timedelta):
        micros = value // timedelta(microseconds=1)
        sign, micros = ("-", -micros) if micros < 0 else ("", micros)
        return f"{sign}{micros // 1_000_000}.{micros % 1_000_000:06d}000"
    return json_string(scalar(value))


def key_text(key: Any) -> str:
    """The text of a map's key."""
    return "null" if key is None else text(key)


# Plain text


def plain_text(value: Any, room: int = MOST_CHARACTERS) -> str:
    """The form that `~` joins: `[1, a]`, `{k=v}`, and `null` inside them. Null itself is nothing."""
    if value is None:
        return ""
    if type(value) is str:
        return str(value)
    return _plain(value, room, 0, Nodes())


def _plain(value: Any, room: int, level: int, nodes: Nodes) -> str:
    if value is None:
        return "null"
    kind = type(value)
    if kind is str:
        shown: str = value
    elif isinstance(value, dict):
        nodes.take(len(value), level)
        pieces = []
        for key, item in value.items():
            pieces.append(f"{_plain(key, room, level + 1, nodes)}={_plain(item, room, level + 1, nodes)}")
            room -= len(pieces[-1]) + 2
            if room < 0:
                raise _too_long()
        return "{" + ", ".join(pieces) + "}"
    elif isinstance(value, (list, tuple, set, frozenset)):
        nodes.take(len(value), level)
        pieces = []
        for item in value:
            pieces.append(_plain(item, room, level + 1, nodes))
            room -= len(pieces[-1]) + 2
            if room < 0:
                raise _too_long()
        return "[" + ", ".join(pieces) + "]"
    else:
        shown = scalar(value)
    if len(shown) > room:
        raise _too_long()
    return shown


def _too_long() -> LimitError:
    return LimitError(f"The text has more than {MOST_CHARACTERS} characters")


# What leaves the evaluator

_PLAIN = frozenset({str, int, float, bool, type(None), Decimal, datetime, date, time, timedelta})


def plain(value: Any) -> Any:
    """`value` without the kinds of `kinds`; the same object when there are none in it.

    Raises:
        LimitError: the value has too many elements, or is nested too deeply.
    """
    return value if type(value) in _PLAIN else _leaving(value, 0, Nodes())


def _leaving(value: Any, level: int, nodes: Nodes) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        nodes.take(len(value), level)
        items = [_leaving(item, level + 1, nodes) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if kind is dict:
        nodes.take(len(value), level)
        entries = {
            _leaving(k, level + 1, nodes): _leaving(item, level + 1, nodes) for k, item in value.items()
        }
        same = len(entries) == len(value) and all(
            a is b and entries[a] is value[b] for a, b in zip(entries, value, strict=True)
        )
        return value if same else entries
    if kind is Long or kind is BigInteger:
        return int(value)
    if kind is Float:
        # By way of its digits: 12.3 in single precision leaves as 12.3.
        return float(float_text(value)) if value == value and abs(value) != float("inf") else float(value)
    if kind is Char:
        return str(value)
    if kind is Entry:
        return {_leaving(value.key, level + 1, nodes): _leaving(value.value, level + 1, nodes)}
    if isinstance(value, (list, tuple, set, frozenset)):
        nodes.take(len(value), level)
        return [_leaving(item, level + 1, nodes) for item in value]
    if isinstance(value, dict):
        return _leaving(dict(value), level, nodes)
    return scalar(value)

"""Values of the input types: what each type accepts, and what it makes of it (flow spec §2.2).

A value has three forms. *Typed* is the Python value that bounds are compared with. *Shown* is what the answer
to a question about inputs holds, with durations as ISO 8601 text. *Stored* is what the execution keeps and
expressions see: plain JSON data, where an instant has milliseconds and a duration is a number of seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec

from batuta import iso8601
from batuta.flows import reader
from batuta.flows.document import Unreadable
from batuta.model.inputs import InputType

_T = InputType


class Unfit(Exception):
    """A value is not of the type, or outside of what its input allows."""

    def __init__(self, reason: str, value: Any = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value
        """The part of the value that is to blame; None for all of it."""


def parse(kind: InputType, raw: Any, item_type: InputType | None = None) -> Any:
    """The typed value.

    Raises:
        Unfit: `raw` is not a value of the type.
    """
    return _PARSERS[kind](raw) if kind not in _LISTS else _list(raw, item_type, kind)


def shown(value: Any) -> Any:
    """A typed value as plain data, durations as text."""
    match value:
        case datetime():
            return iso8601.format_instant(value)
        case date():
            return value.isoformat()
        case time():
            return _time_text(value)
        case timedelta():
            return iso8601.format_duration(value)
        case list():
            return [shown(item) for item in value]
        case dict():
            return {key: shown(item) for key, item in value.items()}
    return value


def stored(value: Any) -> Any:
    """A typed value as an execution keeps it."""
    match value:
        case datetime():
            text = value.astimezone(UTC)
            precise = "microseconds" if text.microsecond % 1000 else "milliseconds"
            return text.isoformat(timespec=precise).replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case list():
            return [stored(item) for item in value]
        case dict():
            return {key: stored(item) for key, item in value.items()}
    return shown(value)


def as_text(raw: Any) -> str:
    """Anything as the text a form would hold: structures as JSON."""
    match raw:
        case str():
            return raw
        case bool():
            return "true" if raw else "false"
        case dict() | list():
            return msgspec.json.encode(raw).decode()
    return "" if raw is None else str(raw)


# One function per type.


def _text(raw: Any) -> str:
    return as_text(raw)


_INTEGER = re.compile(r"[+-]?\d{1,40}")
_INT_RANGE = range(-(2**31), 2**31)


def _int(raw: Any) -> int:
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    text = as_text(raw).strip()
    if isinstance(raw, bool) or _INTEGER.fullmatch(text) is None:
        raise Unfit(f"`{_short(text)}` is not a whole number")
    number = int(text)
    if number not in _INT_RANGE:
        raise Unfit(f"`{text}` does not fit into 32 bits")
    return number


def _float(raw: Any) -> float:
    text = as_text(raw).strip()
    try:
        number = float(text) if "_" not in text and not isinstance(raw, bool) else None
    except ValueError:
        number = None
    if number is None or number != number or number in (float("inf"), float("-inf")):
        raise Unfit(f"`{_short(text)}` is not a number")
    return number


def _bool(raw: Any) -> bool:
    return as_text(raw).strip().lower() == "true"


def _datetime(raw: Any) -> datetime:
    text = as_text(raw).strip()
    try:
        return iso8601.parse_instant(_cut_fraction(text))
    except (ValueError, OverflowError):
        raise Unfit(f"`{_short(text)}` is not an instant such as 2026-02-28T09:30:00Z") from None


_FRACTION = re.compile(r"(\.\d{6})\d+")


def _cut_fraction(text: str) -> str:
    """Python keeps microseconds; what is finer is dropped."""
    return _FRACTION.sub(r"\1", text)


def _date(raw: Any) -> date:
    text = as_text(raw).strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text) is None:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise Unfit(f"`{_short(text)}` is not a date such as 2026-02-28") from None


def _time(raw: Any) -> time:
    text = as_text(raw).strip()
    try:
        if re.fullmatch(r"\d\d:\d\d(:\d\d(\.\d+)?)?", text) is None:
            raise ValueError
        return time.fromisoformat(_cut_fraction(text))
    except ValueError:
        raise Unfit(f"`{_short(text)}` is not a time such as 09:30:00") from None


def _time_text(value: time) -> str:
    text = value.isoformat()
    return text.rstrip("0") if "." in text else text


def _duration(raw: Any) -> timedelta:
    text = as_text(raw).strip()
    try:
        return iso8601.parse_duration(text)
    except (ValueError, OverflowError):
        raise Unfit(f"`{_short(text)}` is not a duration such as PT15M or P1D") from None


_STORED_FILE = ("kestra://", "nsfile://", "file://")


def _file(raw: Any) -> str:
    text = as_text(raw).strip()
    if text.startswith(_STORED_FILE) or text.startswith("/"):
        return text
    raise Unfit("a file must be uploaded, or be given as a `kestra://`, `nsfile://` or `file://` address")


def _json(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Unfit(f"invalid JSON: {error}") from None


def _yaml(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    try:
        document = reader.load(raw, reader.ReadLimits())
    except Unreadable as error:
        raise Unfit(
            f"invalid YAML: {error.message} (line {error.mark.line}, column {error.mark.column})"
        ) from None
    if document.repeated:
        raise Unfit(f"invalid YAML: `{document.repeated[0].path[-1]}` is given twice")
    return document.data


def _ion(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    from amazon.ion import simpleion
    from amazon.ion.exceptions import IonException

    try:
        return _plain(simpleion.loads(raw))
    except (IonException, ValueError, TypeError, IndexError, RecursionError) as error:
        raise Unfit(f"invalid Ion: {error}") from None


def _plain(value: Any) -> Any:
    """An Ion value as plain data."""
    if value is None or type(value).__name__ == "IonPyNull":
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if type(value).__name__ in ("SymbolToken", "IonPySymbol"):
        return value.text
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if type(value).__name__ == "IonPyBool":
        return bool(value)
    if isinstance(value, datetime):
        return iso8601.format_instant(value) if value.tzinfo else value.isoformat()
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return float(value) if hasattr(value, "as_tuple") else as_text(str(value))


_URI = re.compile(
    r"[a-z]+://(www\.)?[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]{1,64}\b[-a-zA-Z0-9()@:%_+.~#?&/=,;!$*'\[\]]*"
)


def _uri(raw: Any) -> str:
    text = as_text(raw).strip()
    if _URI.fullmatch(text) is None:
        raise Unfit("Invalid URI format.")
    return text


_EMAIL = re.compile(
    r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
)


def _email(raw: Any) -> str:
    text = as_text(raw).strip()
    if text and (len(text) > 320 or _EMAIL.fullmatch(text) is None):
        raise Unfit("The input must be a valid email")
    return text


def _map(raw: Any) -> dict[str, Any]:
    value = _json(raw)
    if not isinstance(value, dict):
        raise Unfit("must be a map or the JSON text of one")
    return value


def _rows(raw: Any) -> list[Any]:
    value = _json(raw)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Unfit("must be a list of maps or the JSON text of one")
    return value


_LISTS = (_T.ARRAY, _T.MULTISELECT)


def _list(raw: Any, item_type: InputType | None, kind: InputType) -> list[Any]:
    value = _json(raw)
    if not isinstance(value, list):
        raise Unfit("must be a list or the JSON text of one")
    if item_type is None:
        return value if kind is _T.ARRAY else [as_text(item) for item in value]
    items = []
    for item in value:
        try:
            items.append(None if item is None else parse(item_type, item))
        except Unfit:
            raise Unfit(
                f"Unable to parse array element as `{item_type}` on `{as_text(item)}`", item
            ) from None
    return items


_PARSERS: dict[InputType, Callable[[Any], Any]] = {
    _T.STRING: _text,
    _T.INT: _int,
    _T.FLOAT: _float,
    _T.BOOL: _bool,
    _T.BOOLEAN: _bool,
    _T.SELECT: _text,
    _T.ENUM: _text,
    _T.DATETIME: _datetime,
    _T.DATE: _date,
    _T.TIME: _time,
    _T.DURATION: _duration,
    _T.FILE: _file,
    _T.JSON: _json,
    _T.YAML: _yaml,
    _T.ION: _ion,
    _T.URI: _uri,
    _T.EMAIL: _email,
    _T.SECRET: _text,
    _T.OBJECT: _map,
    _T.TABLE: _rows,
    _T.FORM: lambda raw: raw,
    _T.REUSABLE_INPUTS: lambda raw: raw,
}


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."

"""Row files: Amazon Ion text, one value per line (triggers-and-stores spec A18).

Lines are written by hand, and read by hand or as JSON where that is possible, which is many times as fast as
the library; all other lines are read by the library.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import msgspec

from batuta import iso8601
from batuta.errors import TaskError
from batuta.plugins import row_text

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_KEYWORDS = frozenset({"null", "true", "false", "nan"})
_ANNOTATED = ("ZonedDateTime", "OffsetDateTime", "LocalDateTime", "LocalTime", "OffsetTime")
_PLAIN_KINDS: tuple[type[Any], ...] = (int, float, Decimal, str, bytes)
_json = msgspec.json.Encoder()


class RowWriter:
    """Writes rows to an open file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._keys: dict[str, str] = {}
        self.count = 0

    def write(self, row: Any) -> None:
        """Add a row: a map, a list or a scalar. None is not written."""
        if row is not None:
            self._file.write((self._text(row) + "\n").encode())
            self.count += 1

    def write_all(self, names: list[str], rows: Iterable[Iterable[Any]]) -> None:
        """Add rows that share their column names."""
        heads = [("{" if place == 0 else ",") + self._key(name) + ":" for place, name in enumerate(names)]
        write, text = self._file.write, self._text
        for row in rows:
            line = "".join(
                [part for head, value in zip(heads, row, strict=True) for part in (head, text(value))]
            )
            write((line + "}\n").encode())
            self.count += 1

    def _text(self, value: Any) -> str:
        write = _WRITERS.get(type(value))
        if write is not None:
            return write(value)
        if isinstance(value, Mapping):
            return "{" + ",".join([f"{self._key(str(k))}:{self._text(v)}" for k, v in value.items()]) + "}"
        if isinstance(value, (list, tuple, set, frozenset)):
            return "[" + ",".join([self._text(each) for each in value]) + "]"
        for kind, write in _WRITERS.items():
            if isinstance(value, kind):
                return write(value)
        return _quoted(str(value))

    def _key(self, name: str) -> str:
        known = self._keys.get(name)
        if known is None:
            plain = _IDENTIFIER.fullmatch(name) and name not in _KEYWORDS
            escaped = name.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
            known = self._keys[name] = name if plain else f"'{escaped}'"
        return known


def _quoted(text: str) -> str:
    # JSON's escapes are Ion's, and Ion takes every other character as it is.
    return _json.encode(text).decode()


def _float(value: float) -> str:
    if value != value:
        return "nan"
    if value in (float("inf"), float("-inf")):
        return "+inf" if value > 0 else "-inf"
    text = repr(value)
    return text if "e" in text else text + "e0"


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        return _float(float(value))
    text = str(value)
    if "E" in text:
        return text.replace("E+", "d").replace("E", "d")
    return text if "." in text else text + "."


def _datetime(value: datetime) -> str:
    if value.tzinfo is None:
        return f'LocalDateTime::"{value.isoformat()}"'
    name = getattr(value.tzinfo, "key", None)
    if name not in (None, "UTC"):
        return f'ZonedDateTime::"{value.isoformat()}[{name}]"'
    if value.utcoffset():
        return f'OffsetDateTime::"{value.isoformat()}"'
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(value: time) -> str:
    return f'{"LocalTime" if value.tzinfo is None else "OffsetTime"}::"{value.isoformat()}"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: "null",
    bool: lambda value: "true" if value else "false",
    int: str,
    float: _float,
    str: _quoted,
    Decimal: _decimal,
    datetime: _datetime,
    date: lambda value: value.isoformat(),
    time: _time,
    timedelta: lambda value: _quoted(iso8601.format_duration(value)),
    bytes: lambda value: "{{" + base64.b64encode(value).decode() + "}}",
    bytearray: lambda value: "{{" + base64.b64encode(value).decode() + "}}",
    memoryview: lambda value: "{{" + base64.b64encode(value).decode() + "}}",
    UUID: lambda value: f'"{value}"',
}


def read_rows(path: Path) -> Iterator[Any]:
    """The rows of a file, one at a time. Maps, lists and plain values; dates as dates.

    Raises:
        TaskError: a line is not Ion.
    """
    for number, line in enumerate(lines_of(path), 1):
        if line.strip():
            yield read_row(line, number)


def read_row(line: bytes, number: int | None = None) -> Any:
    """One row."""
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        pass
    found = row_text.parse(line.decode("utf-8", "replace"), _annotated)
    if found is not row_text.UNKNOWN:
        return found
    from amazon.ion import simpleion
    from amazon.ion.exceptions import IonException

    try:
        return _plain(simpleion.loads(line, single_value=True))
    except (IonException, ValueError, TypeError) as error:
        where = f"line {number}: " if number is not None else ""
        shown = line[:80].decode("utf-8", "replace").rstrip()
        raise TaskError(f"{where}`{shown}` is not a row of Ion or JSON: {error}") from None


def lines_of(path: Path) -> Iterator[bytes]:
    """Lines of a file with their ends, in constant memory."""
    with path.open("rb") as file:
        yield from file


def _plain(value: Any) -> Any:
    """Python's own types for those of the library; annotated texts become what they say they are."""
    annotations = getattr(value, "ion_annotations", ())
    if annotations:
        return _annotated(str(getattr(annotations[0], "text", annotations[0])), str(value))
    kind_name = getattr(getattr(value, "ion_type", None), "name", None)
    if value is None or type(value).__name__ == "IonPyNull":
        return None
    if kind_name == "BOOL":
        return bool(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "text"):
        return [_plain(each) for each in value]
    if hasattr(value, "text") and not isinstance(value, str):
        return value.text
    if isinstance(value, datetime):
        precision = getattr(value, "precision", None)
        if precision is not None and precision.name in ("DAY", "MONTH", "YEAR"):
            return date(value.year, value.month, value.day)
        seconds = (
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
        )
        return datetime(*seconds, tzinfo=UTC) - (value.utcoffset() or timedelta())
    for kind in _PLAIN_KINDS:
        if isinstance(value, kind):
            return kind(value)
    return value


def _annotated(kind: str, text: str) -> Any:
    if kind not in _ANNOTATED:
        return text
    try:
        if kind.endswith("Time") and not kind.endswith("DateTime"):
            return time.fromisoformat(text)
        instant, bracket, zone = text.partition("[")
        moment = datetime.fromisoformat(instant)
        if bracket and moment.tzinfo is not None:
            from zoneinfo import ZoneInfo

            return moment.astimezone(ZoneInfo(zone.rstrip("]")))
        return moment
    except (ValueError, KeyError):
        return text

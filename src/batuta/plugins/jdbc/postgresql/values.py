"""Values of PostgreSQL as plugins spec C1.3 has them, and rows for its columns.

Only loaded with the library: everything here belongs to its way of adapting values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time, tzinfo
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.types import TypeInfo
from psycopg.types.hstore import register_hstore
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextLoader

_AS_TEXT = frozenset({"uuid", "inet", "cidr", "record"})
_WITH_LIMITS = ("date", "time", "timestamp", "timestamptz")
"""PostgreSQL knows more days than Python: what does not fit stays text."""
_EPOCH_DAY = (1970, 1, 1)
_INTERVAL_PART = re.compile(r"(-?\d+) (year|mon|day)s?")
_INTERVAL_CLOCK = re.compile(r"([+-]?)(\d+):(\d+):(\d+)(\.\d+)?\Z")

_JSON = frozenset({"json", "jsonb"})
_WHOLE = frozenset({"int2", "int4", "int8", "oid"})
_BYTES = "bytea"


def register(connection: psycopg.Connection[Any], zone: tzinfo, hstore: int | None) -> None:
    """Teach a connection our values."""
    adapters = connection.adapters
    types = adapters.types
    for info in types:
        if info.name in _AS_TEXT or info.name.endswith("range"):
            adapters.register_loader(info.oid, TextLoader)
    for name in _WITH_LIMITS:
        oid = types[name].oid
        adapters.register_loader(oid, _forgiving(adapters.get_loader(oid, Format.TEXT), oid))
    adapters.register_loader("interval", IntervalLoader)
    adapters.register_loader("timetz", _local_time(zone))
    adapters.register_loader(_VOID_OID, NothingLoader)
    set_json_loads(msgspec.json.decode, connection)
    if hstore is not None:
        register_hstore(TypeInfo("hstore", hstore, 0), connection)


_VOID_OID = 2278


class NothingLoader(Loader):
    """Functions that return nothing return an empty text."""

    def load(self, data: Buffer) -> None:
        """Nothing."""
        return None


class IntervalLoader(Loader):
    """Intervals as `P1Y2M3DT4H5M6S`."""

    def load(self, data: Buffer) -> str:
        """An interval in PostgreSQL's own style; in others it stays as it is."""
        return interval_text(bytes(data).decode())


def interval_text(text: str) -> str:
    """`1 year 2 mons -3 days +04:05:06.7` as `P1Y2M-3DT4H5M6.7S`."""
    found = {unit: int(number) for number, unit in _INTERVAL_PART.findall(text)}
    clock = _INTERVAL_CLOCK.search(text)
    if not found and clock is None:
        return text
    sign, hours, minutes, seconds, fraction = clock.groups("") if clock else ("", "0", "0", "0", "")
    sign = "-" if sign == "-" else ""

    def signed(number: str) -> str:
        return f"{sign if int(number) else ''}{int(number)}"

    part = fraction.rstrip("0").rstrip(".")
    second = f"{sign}{int(seconds)}{part}" if part else signed(seconds)
    days = f"P{found.get('year', 0)}Y{found.get('mon', 0)}M{found.get('day', 0)}D"
    return f"{days}T{signed(hours)}H{signed(minutes)}M{second}S"


def _forgiving(loader: type[Any] | None, oid: int) -> type[Loader]:
    assert loader is not None
    inner = loader

    class ForgivingLoader(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._load = inner(oid, context).load

        def load(self, data: Buffer) -> Any:
            try:
                return self._load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return ForgivingLoader


def _local_time(zone: tzinfo) -> type[Loader]:
    class LocalTimeLoader(Loader):
        def load(self, data: Buffer) -> time | str:
            text = bytes(data).decode()
            try:
                moment = time.fromisoformat(text)
            except ValueError:
                return text
            if moment.tzinfo is None:
                return moment
            return datetime.combine(datetime(*_EPOCH_DAY), moment).astimezone(zone).time()  # noqa: DTZ001

    return LocalTimeLoader


def converters(connection: psycopg.Connection[Any], oids: list[int]) -> list[Callable[[Any], Any]]:
    """For each parameter of a statement, what turns a value of a row into one of its type."""
    return [_converter(connection, oid) for oid in oids]


def _converter(connection: psycopg.Connection[Any], oid: int) -> Callable[[Any], Any]:
    info = connection.adapters.types.get(oid)
    if info is None:
        return _text
    if oid == info.array_oid:
        return _array
    if info.name in _JSON:
        return _json
    if info.name in _WHOLE:
        return _whole
    return _bytes if info.name == _BYTES else _text


def _text(value: Any) -> Any:
    """Text that the server reads as it reads a literal in quotes."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    if isinstance(value, bytes):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _json(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _whole(value: Any) -> Any:
    if isinstance(value, (float, Decimal)) and value == int(value):
        return str(int(value))
    return str(int(value)) if isinstance(value, bool) else _text(value)


def _bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) and not value.startswith("\\x") else value


def _array(value: Any) -> Any:
    return _braced(value) if isinstance(value, list) else _text(value)


def _braced(values: list[Any]) -> str:
    return "{" + ",".join(_element(each) for each in values) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return _braced(value)
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    text = str(_text(value)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'

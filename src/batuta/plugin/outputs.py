"""What a task returned, as the plain data that is stored and that expressions see."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from batuta import iso8601
from batuta.plugin.task import Output


def plain_outputs(returned: Output | dict[str, Any] | None) -> dict[str, Any] | None:
    """The outputs as JSON data; members that are None stay away unless their class keeps them."""
    if returned is None:
        return None
    if isinstance(returned, Output):
        keep = returned.keep_none
        return {
            field.encode_name: plain(value)
            for field in msgspec.structs.fields(returned)
            if (value := getattr(returned, field.name)) is not None or field.name in keep
        }
    return {str(key): plain(value) for key, value in returned.items() if value is not None}


def plain(value: Any) -> Any:
    """A value of Python as JSON data: dates and durations as ISO 8601 text, bytes as base64."""
    if value is None or (isinstance(value, (str, bool, int, float)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
    if isinstance(value, datetime):
        return iso8601.format_instant(value) if value.tzinfo else value.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return iso8601.format_duration(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, msgspec.Struct):
        return {
            field.encode_name: plain(item)
            for field in msgspec.structs.fields(value)
            if (item := getattr(value, field.name)) is not None
        }
    return msgspec.to_builtins(value)

"""jq functions of dates; all are in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from re import error as re_error
from typing import Any

from batuta.clock import SystemClock
from batuta.expr.jq.data import JqError, describe, number
from batuta.expr.jq.functions.registering import Functions
from batuta.expr.kinds import is_number
from batuta.expr.run import Run

FUNCTIONS = Functions()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(value: Any) -> datetime:
    """The instant of seconds since 1970, or of a broken-down time."""
    try:
        if is_number(value):
            return _EPOCH + timedelta(seconds=float(value))
        if isinstance(value, list) and len(value) >= 6 and all(is_number(item) for item in value):
            year, month, day, hour, minute, second = value[:6]
            start = datetime(int(year), int(month) + 1, int(day), int(hour), int(minute), tzinfo=UTC)
            return start + timedelta(seconds=float(second))
    except (ValueError, OverflowError):
        pass
    raise JqError(f"{describe(value)} is no time")


def _gmtime(run: Run, value: Any) -> list[Any]:
    at = _instant(value)
    second = number(at.second + at.microsecond / 1e6)
    weekday = (at.weekday() + 1) % 7
    return [at.year, at.month - 1, at.day, at.hour, at.minute, second, weekday, at.timetuple().tm_yday - 1]


def _mktime(run: Run, value: Any) -> int:
    if not isinstance(value, list):
        raise JqError("mktime requires array of 6 numbers")
    return (_instant(value) - _EPOCH) // timedelta(seconds=1)


def _strftime(run: Run, value: Any, pattern: Any) -> str:
    if not isinstance(pattern, str) or len(pattern) > 1000:
        raise JqError("strftime/1 requires a string format")
    return _instant(value).strftime(pattern)


def _strptime(run: Run, value: Any, pattern: Any) -> list[Any]:
    if not isinstance(value, str) or not isinstance(pattern, str) or len(value) > 200 or len(pattern) > 200:
        raise JqError("strptime/1 requires string inputs and arguments")
    try:
        found = datetime.strptime(value, pattern)  # noqa: DTZ007
    except (ValueError, re_error):
        raise JqError(f'date "{value}" does not match format "{pattern}"') from None
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    return _gmtime(run, (at - _EPOCH).total_seconds())


def _from_iso(run: Run, value: Any) -> int:
    return _mktime(run, _strptime(run, value, "%Y-%m-%dT%H:%M:%SZ"))


def _now(run: Run, value: Any) -> Any:
    return ((run.options.now or SystemClock().now()) - _EPOCH).total_seconds()


FUNCTIONS.simple("gmtime", 0, _gmtime)
FUNCTIONS.simple("localtime", 0, _gmtime)
FUNCTIONS.simple("mktime", 0, _mktime)
FUNCTIONS.simple("strftime", 1, _strftime)
FUNCTIONS.simple("strflocaltime", 1, _strftime)
FUNCTIONS.simple("strptime", 1, _strptime)
FUNCTIONS.simple("fromdateiso8601", 0, _from_iso)
FUNCTIONS.simple("now", 0, _now)

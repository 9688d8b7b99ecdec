"""Functions about days. They look at the date as it is written and convert nothing to another zone."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date as Date
from datetime import datetime, timedelta
from typing import Any

from batuta.expr.catalogue import function
from batuta.expr.dates.moment import Moment, of_date, of_datetime
from batuta.expr.dates.reading import read_iso
from batuta.expr.dates.zones import UTC
from batuta.expr.errors import ArgumentError, EvaluationError
from batuta.nearness import nearest

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_POSITIONS = ("FIRST", "SECOND", "THIRD", "FOURTH")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WITH_OFFSET = re.compile(r"T.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?|\])$", re.ASCII)


def _given(value: Any, argument: str) -> Any:
    if value is None:
        raise ArgumentError(f"The function expects a '{argument}' argument")
    return value


def _moment(value: Any, argument: str = "date") -> Moment:
    value = _given(value, argument)
    try:
        if isinstance(value, datetime):
            return of_datetime(value, UTC)
        if isinstance(value, Date):
            return of_date(value, UTC)
        if isinstance(value, str):
            return read_iso(value, UTC)
    except ValueError:
        pass
    raise EvaluationError(f"could not parse '{argument}'", expected="an ISO date or date-time", seen=[value])


def _day(value: Any, argument: str = "date") -> Date:
    return _moment(value, argument).local.date()


def _day_name(value: Any) -> int:
    """The weekday of a name, 0 for Monday."""
    name = value.upper() if isinstance(value, str) else ""
    if name not in DAYS:
        raise EvaluationError(
            "This is not the name of a day", expected=", ".join(DAYS), seen=[value], near=nearest(name, DAYS)
        )
    return DAYS.index(name)


@function("dayOfWeek")
def day_of_week(date: Any = None) -> str:
    """The name of the day.

    {{ dayOfWeek('2024-05-06') }} -> MONDAY
    """
    return DAYS[_day(date).weekday()]


@function("dayOfMonth")
def day_of_month(date: Any = None) -> int:
    """The day in its month.

    {{ dayOfMonth('2024-05-06') }} -> 6
    """
    return _day(date).day


@function("monthOfYear")
def month_of_year(date: Any = None) -> int:
    """The number of the month.

    {{ monthOfYear('2024-05-06') }} -> 5
    """
    return _day(date).month


@function("hourOfDay")
def hour_of_day(date: Any = None) -> int:
    """The hour, 0 to 23; a date without a time fails.

    {{ hourOfDay('2024-05-06T14:30:00Z') }} -> 14
    """
    value = _given(date, "date")
    if (isinstance(value, str) and _DATE.fullmatch(value)) or (
        isinstance(value, Date) and not isinstance(value, datetime)
    ):
        raise EvaluationError("could not parse 'date'", expected="a date-time", seen=[value])
    return _moment(value).local.hour


@function("isWeekend")
def is_weekend(date: Any = None) -> bool:
    """Whether the day is a Saturday or a Sunday.

    {{ isWeekend('2024-05-04') }} -> true
    """
    return _day(date).weekday() >= 5


@function("isPublicHoliday")
def is_public_holiday(date: Any = None, country_code: Any = None, sub_division: Any = None) -> bool:
    """Whether the day is a public holiday of a country (ISO code) or of a part of it.

    {{ isPublicHoliday('2024-07-14', 'FR') }} -> true
    """
    day = _day(date)
    country = _given(country_code, "countryCode")
    try:
        import holidays
    except ImportError:
        raise EvaluationError(
            "`isPublicHoliday` needs the library `holidays`", expected="`pip install holidays`"
        ) from None
    try:
        found = holidays.country_holidays(
            str(country).upper(), subdiv=str(sub_division).upper() if sub_division else None, years=day.year
        )
    except (NotImplementedError, KeyError, ValueError):
        raise EvaluationError(
            "No calendar of holidays is known for this place", seen=[country, sub_division]
        ) from None
    return day in found


@function("isDayWeekInMonth")
def is_day_week_in_month(date: Any = None, day_of_week: Any = None, position: Any = None) -> bool:
    """Whether the day is the `FIRST`, `SECOND`, `THIRD`, `FOURTH` or `LAST` such weekday of its month.

    {{ isDayWeekInMonth('2024-05-06', 'MONDAY', 'FIRST') }} -> true
    """
    day = _day(date)
    weekday = _day_name(_given(day_of_week, "dayOfWeek"))
    place = _given(position, "position")
    name = place.upper() if isinstance(place, str) else ""
    if name not in (*_POSITIONS, "LAST"):
        raise EvaluationError(
            "The position is unknown", expected=", ".join((*_POSITIONS, "LAST")), seen=[place]
        )
    if day.weekday() != weekday:
        return False
    if name == "LAST":
        return day.day + 7 > monthrange(day.year, day.month)[1]
    return (day.day - 1) // 7 == _POSITIONS.index(name)


@function("isLastWorkingDay")
def is_last_working_day(
    date: Any = None, working_days: Any = "MONDAY,TUESDAY,WEDNESDAY,THURSDAY,FRIDAY"
) -> bool:
    """Whether the day is the last working day of its month.

    {{ isLastWorkingDay('2024-05-31') }} -> true
    """
    day = _day(date)
    names = working_days if isinstance(working_days, list) else re.split(r"[,\s]+", str(working_days).strip())
    working = {_day_name(name) for name in names}
    last = day.replace(day=monthrange(day.year, day.month)[1])
    while last.weekday() not in working:
        last -= timedelta(days=1)
    return day == last


@function("isDateBetween")
def is_date_between(date: Any = None, after: Any = None, before: Any = None) -> bool:
    """Whether the instant lies after one and before another, both excluded; all need an offset.

    {{ isDateBetween('2026-03-01T00:00:00Z', '2026-01-01T00:00:00Z', '2026-06-30T00:00:00Z') }} -> true
    """
    return _instant(after, "after") < _instant(date, "date") < _instant(before, "before")


def _instant(value: Any, argument: str) -> int:
    value = _given(value, argument)
    written = isinstance(value, str) and _WITH_OFFSET.search(value) is not None
    if not written and not (isinstance(value, datetime) and value.tzinfo is not None):
        raise EvaluationError(
            f"could not parse '{argument}'", expected="a date-time with an offset", seen=[value]
        )
    return _moment(value, argument).nanos()


@function("isDateAfter")
def is_date_after(date: Any = None, reference: Any = None) -> bool:
    """Whether the date is after the other; local values are taken as UTC.

    {{ isDateAfter('2024-05-07', '2024-05-06') }} -> true
    """
    return _at_midnight(date, "date") > _at_midnight(reference, "reference")


@function("isDateBefore")
def is_date_before(date: Any = None, reference: Any = None) -> bool:
    """Whether the date is before the other; local values are taken as UTC.

    {{ isDateBefore('2024-05-07', '2024-05-06') }} -> false
    """
    return _at_midnight(date, "date") < _at_midnight(reference, "reference")


def _at_midnight(value: Any, argument: str) -> int:
    if isinstance(value, Date) and not isinstance(value, datetime):
        value = value.isoformat()
    return _moment(value, argument).nanos()

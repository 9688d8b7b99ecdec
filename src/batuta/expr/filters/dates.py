"""Filters of dates."""

from __future__ import annotations

import re
from datetime import date as Date
from datetime import datetime
from typing import Any

from batuta.expr.catalogue import filter_
from batuta.expr.dates import moment as moments
from batuta.expr.dates.layout import write
from batuta.expr.dates.moment import Moment
from batuta.expr.dates.names import names_of
from batuta.expr.dates.reading import read
from batuta.expr.dates.zones import Zone, zone_of
from batuta.expr.errors import EvaluationError
from batuta.expr.kinds import Long
from batuta.expr.run import Run

_AMOUNT = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def zone_argument(run: Run, value: Any) -> Zone:
    """The zone that an argument names, or the server's."""
    if value is None:
        return zone_of(run.options.zone)
    if not isinstance(value, str):
        raise EvaluationError("`timeZone` must be a text", seen=[value])
    return zone_of(value)


def text_argument(value: Any, name: str, otherwise: str) -> str:
    """An argument that is a text or absent."""
    if value is None:
        return otherwise
    if not isinstance(value, str):
        raise EvaluationError(f"`{name}` must be a text", seen=[value])
    return value


def moment_of(run: Run, value: Any, zone: Zone, existing_format: Any, locale: str) -> Moment:
    """The moment that a date filter's input says, in `zone`.

    Raises:
        EvaluationError: the input is no date.
    """
    if isinstance(value, datetime):
        found = moments.of_datetime(value, zone)
    elif isinstance(value, Date):
        found = moments.of_date(value, zone)
    elif isinstance(value, int) and not isinstance(value, bool):
        return moments.at_epoch(_epoch_nanos(value), zone)
    elif isinstance(value, str):
        pattern = None if existing_format is None else text_argument(existing_format, "existingFormat", "")
        found = read(value, pattern, zone, locale)
    else:
        raise EvaluationError(
            "This is no date", expected="a date-time, a text or a number of seconds", seen=[value]
        )
    return moments.in_zone(found, zone)


def _epoch_nanos(value: int) -> int:
    """What a number means goes by how many digits it has."""
    digits = str(value)
    if len(digits) == 13:
        return value * 1_000_000
    if len(digits) == 19:
        if digits.endswith("000"):
            return value
        millis, micros = divmod(value, 1_000_000)
        return millis * 1_000_000 + micros * 1000
    return value * 1_000_000_000


def written(run: Run, found: Moment, format: Any, locale: Any) -> str:
    """`found` as `format` says."""
    language = text_argument(locale, "locale", run.options.locale)
    return write(found, text_argument(format, "format", "iso"), names_of(language))


@filter_("date")
def date(
    run: Run,
    value: Any,
    format: Any = "iso",
    time_zone: Any = None,
    existing_format: Any = None,
    locale: Any = None,
) -> str:
    """The date by a named format or a pattern, in `timeZone`; a text is ISO or as `existingFormat` says.

    {{ '2024-05-06T07:08:09Z' | date('yyyy-MM-dd HH:mm', timeZone='Europe/Paris') }} -> 2024-05-06 09:08
    """
    zone = zone_argument(run, time_zone)
    language = text_argument(locale, "locale", run.options.locale)
    return written(run, moment_of(run, value, zone, existing_format, language), format, locale)


@filter_("dateAdd")
def date_add(
    run: Run,
    value: Any,
    amount: Any = None,
    unit: Any = None,
    format: Any = "iso",
    time_zone: Any = None,
    existing_format: Any = None,
    locale: Any = None,
) -> str:
    """The date so many units later, as a text. Units are `DAYS`, `HOURS`, `MONTHS` and so on.

    {{ '2024-01-31' | dateAdd(1, 'MONTHS', 'iso_local_date') }} -> 2024-02-29
    """
    zone = zone_argument(run, time_zone)
    language = text_argument(locale, "locale", run.options.locale)
    count = _amount(amount)
    found = moment_of(run, value, zone, existing_format, language)
    return written(run, moments.plus(found, count, unit), format, locale)


def _amount(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        return int(value)
    raise EvaluationError("`amount` of `dateAdd` must be an integer", seen=[value])


def _found(run: Run, value: Any, time_zone: Any, existing_format: Any) -> Moment:
    return moment_of(run, value, zone_argument(run, time_zone), existing_format, run.options.locale)


@filter_("timestamp")
def timestamp(run: Run, value: Any, time_zone: Any = None, existing_format: Any = None) -> int:
    """Seconds since 1970.

    {{ '2024-05-06T00:00:00Z' | timestamp }} -> 1714953600
    """
    return Long(_found(run, value, time_zone, existing_format).seconds())


@filter_("timestampMilli")
def timestamp_milli(run: Run, value: Any, time_zone: Any = None, existing_format: Any = None) -> int:
    """Milliseconds since 1970.

    {{ '2024-05-06T00:00:00Z' | timestampMilli }} -> 1714953600000
    """
    return Long(_found(run, value, time_zone, existing_format).nanos() // 1_000_000)


@filter_("timestampMicro")
def timestamp_micro(run: Run, value: Any, time_zone: Any = None, existing_format: Any = None) -> str:
    """Microseconds since 1970, as a text.

    {{ '2024-05-06T00:00:00Z' | timestampMicro }} -> 1714953600000000
    """
    return str(_found(run, value, time_zone, existing_format).nanos() // 1000)


@filter_("timestampNano")
def timestamp_nano(run: Run, value: Any, time_zone: Any = None, existing_format: Any = None) -> str:
    """Nanoseconds since 1970, as a text.

    {{ '2024-05-06T00:00:00Z' | timestampNano }} -> 1714953600000000000
    """
    return str(_found(run, value, time_zone, existing_format).nanos())

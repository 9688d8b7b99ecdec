"""An instant in a zone, to the nanosecond, and what `dateAdd` does with it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from batuta.expr.dates.zones import Zone, fixed_zone, offset_at
from batuta.expr.errors import EvaluationError

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times here have their offset beside them
_NANOS = 1_000_000_000


class Moment(NamedTuple):
    """A local time without fraction, its nanoseconds, its offset in seconds and its zone."""

    local: datetime
    nano: int
    offset: int
    zone: Zone

    def seconds(self) -> int:
        """Whole seconds since 1970 in UTC, rounded down."""
        since = self.local - _EPOCH
        return since.days * 86400 + since.seconds - self.offset

    def nanos(self) -> int:
        """Nanoseconds since 1970 in UTC."""
        return self.seconds() * _NANOS + self.nano


def at_epoch(nanos: int, zone: Zone) -> Moment:
    """The moment so many nanoseconds after 1970 in UTC.

    Raises:
        EvaluationError: it is not within the years 1 to 9999.
    """
    seconds, nano = divmod(nanos, _NANOS)
    try:
        utc = _EPOCH + timedelta(seconds=seconds)
        if zone.fixed is not None:
            offset = zone.fixed
        else:
            difference = utc.replace(tzinfo=UTC).astimezone(zone.rules).utcoffset()
            offset = int(difference.total_seconds()) if difference is not None else 0
        return Moment(utc + timedelta(seconds=offset), nano, offset, zone)
    except (OverflowError, ValueError):
        raise EvaluationError("The date is outside of the years 1 to 9999") from None


def at_local(local: datetime, nano: int, zone: Zone) -> Moment:
    """The moment of a local time; in a gap it moves forward, in an overlap the earlier offset counts."""
    whole = local.replace(microsecond=0, tzinfo=None)
    offset = offset_at(zone, whole)
    return at_epoch(Moment(whole, nano, offset, zone).nanos(), zone)


def at_offset(local: datetime, nano: int, offset: int) -> Moment:
    """The moment of a local time with its offset."""
    return Moment(local.replace(microsecond=0, tzinfo=None), nano, offset, fixed_zone(offset))


def in_zone(moment: Moment, zone: Zone) -> Moment:
    """The same instant in another zone."""
    return at_epoch(moment.nanos(), zone)


def of_datetime(value: datetime, zone: Zone) -> Moment:
    """A value of the context; one without offset is local to `zone`."""
    offset = value.utcoffset()
    if offset is None:
        return at_local(value, value.microsecond * 1000, zone)
    return at_offset(value, value.microsecond * 1000, int(offset.total_seconds()))


def of_date(value: date, zone: Zone) -> Moment:
    """Noon of a date value (a date text is midnight: expression spec §11)."""
    return at_local(datetime(value.year, value.month, value.day, 12), 0, zone)  # noqa: DTZ001


_EXACT = {
    "NANOS": 1,
    "MICROS": 1000,
    "MILLIS": 1_000_000,
    "SECONDS": _NANOS,
    "MINUTES": 60 * _NANOS,
    "HOURS": 3600 * _NANOS,
    "HALF_DAYS": 12 * 3600 * _NANOS,
}
_DAYS = {"DAYS": 1, "WEEKS": 7}
_MONTHS = {"MONTHS": 1, "YEARS": 12, "DECADES": 120, "CENTURIES": 1200, "MILLENNIA": 12000}


def plus(moment: Moment, amount: int, unit: Any) -> Moment:
    """`amount` units later: days and longer keep the local time, shorter ones are exact.

    Raises:
        EvaluationError: the unit is unknown, or the result not within the years 1 to 9999.
    """
    if unit in _EXACT:
        return at_epoch(moment.nanos() + amount * _EXACT[unit], moment.zone)
    if unit in _DAYS:
        return _moved(moment, lambda local: local + timedelta(days=amount * _DAYS[unit]))
    if unit in _MONTHS:
        return _moved(moment, lambda local: _plus_months(local, amount * _MONTHS[unit]))
    if unit == "ERAS" and amount == 0:
        return moment
    expected = ", ".join(f"`{name}`" for name in (*_EXACT, *_DAYS, *_MONTHS, "ERAS"))
    raise EvaluationError("The unit cannot be added", expected=expected, seen=[unit])


def _moved(moment: Moment, move: Callable[[datetime], datetime]) -> Moment:
    try:
        local = move(moment.local)
    except (OverflowError, ValueError):
        raise EvaluationError("The date is outside of the years 1 to 9999") from None
    kept = at_epoch(Moment(local, moment.nano, moment.offset, moment.zone).nanos(), moment.zone)
    # In an overlap the offset is kept when it is one of the two.
    return kept if kept.local == local else at_local(local, moment.nano, moment.zone)


def _plus_months(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError(year)
    month += 1
    return local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))

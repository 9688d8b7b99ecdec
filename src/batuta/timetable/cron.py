"""Cron expressions over wall-clock times, in both directions (triggers spec A3.1). Zones are `zoned.py`.

Why not a library: `cronsim` intersects the two day fields where one of them is a step (`*/2`), while the
contract wants their union; `croniter` takes a quarter of the millisecond that a search may cost to read the
expression again for each search, and 40 ms to import. The grammar is small: a field is a set of numbers, and
a search is a walk over days that fit, then over the sorted times of a day.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import msgspec

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MOST_YEARS = 12
"""How far a search goes. The longest way between two days that fit is eight years, around 2100."""
_DAY = timedelta(days=1)


class CronError(ValueError):
    """A text is not a cron expression. The message is the reason alone."""


class _FieldKind(msgspec.Struct, frozen=True):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    first_word: int = 0


_FIELDS = (
    _FieldKind("second", 0, 59),
    _FieldKind("minute", 0, 59),
    _FieldKind("hour", 0, 23),
    _FieldKind("day of month", 1, 31),
    _FieldKind("month", 1, 12, MONTHS, 1),
    _FieldKind("day of week", 0, 7, DAYS, 0),
)


class Cron(msgspec.Struct, frozen=True):
    """A parsed expression: for each field the numbers that fit, sorted."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""

    def fits(self, day: date) -> bool:
        """The day fits. When both day fields are restricted it is enough that one of them fits."""
        if day.month not in self.months:
            return False
        of_month = day.day in self.days
        of_week = day.isoweekday() % 7 in self.weekdays
        if len(self.days) < 31 and len(self.weekdays) < 7:
            return of_month or of_week
        return of_month and of_week

    def next_after(self, wall: datetime) -> datetime | None:
        """The first wall-clock time strictly after one that fits."""
        day = wall.date()
        found = self._later_time(wall.time()) if self.fits(day) else None
        if found is not None:
            return datetime.combine(day, found)
        for _ in range(MOST_YEARS * 366):
            if day == date.max:
                return None
            day += _DAY
            if day.month not in self.months:
                day = _first_of_next_month(day) - _DAY
                if (day.year - wall.year) > MOST_YEARS:
                    return None
            elif self.fits(day):
                return datetime.combine(day, time(self.hours[0], self.minutes[0], self.seconds[0]))
        return None

    def previous_before(self, wall: datetime) -> datetime | None:
        """The last wall-clock time strictly before one that fits."""
        day = wall.date()
        found = self._earlier_time(wall.time()) if self.fits(day) else None
        if found is not None:
            return datetime.combine(day, found)
        for _ in range(MOST_YEARS * 366):
            if day == date.min:
                return None
            day -= _DAY
            if day.month not in self.months:
                day = day.replace(day=1)
                if (wall.year - day.year) > MOST_YEARS:
                    return None
            elif self.fits(day):
                return datetime.combine(day, time(self.hours[-1], self.minutes[-1], self.seconds[-1]))
        return None

    def _later_time(self, after: time) -> time | None:
        hours, minutes, seconds = self.hours, self.minutes, self.seconds
        hour = bisect_left(hours, after.hour)
        if hour < len(hours) and hours[hour] == after.hour:
            minute = bisect_left(minutes, after.minute)
            if minute < len(minutes) and minutes[minute] == after.minute:
                second = bisect_right(seconds, after.second)
                if second < len(seconds):
                    return time(after.hour, after.minute, seconds[second])
                minute += 1
            if minute < len(minutes):
                return time(after.hour, minutes[minute], seconds[0])
            hour += 1
        return time(hours[hour], minutes[0], seconds[0]) if hour < len(hours) else None

    def _earlier_time(self, before: time) -> time | None:
        hours, minutes, seconds = self.hours, self.minutes, self.seconds
        hour = bisect_right(hours, before.hour) - 1
        if hour >= 0 and hours[hour] == before.hour:
            minute = bisect_right(minutes, before.minute) - 1
            if minute >= 0 and minutes[minute] == before.minute:
                bisect = bisect_right if before.microsecond else bisect_left
                second = bisect(seconds, before.second) - 1
                if second >= 0:
                    return time(before.hour, before.minute, seconds[second])
                minute -= 1
            if minute >= 0:
                return time(before.hour, minutes[minute], seconds[-1])
            hour -= 1
        return time(hours[hour], minutes[-1], seconds[-1]) if hour >= 0 else None


def _first_of_next_month(day: date) -> date:
    return (
        day.replace(year=day.year + 1, month=1, day=1)
        if day.month == 12
        else day.replace(month=day.month + 1, day=1)
    )


@lru_cache(maxsize=4096)
def parse(text: str, *, with_seconds: bool = False) -> Cron:
    """Read an expression of five fields, of six with seconds first, or a nickname such as `@daily`.

    Raises:
        CronError: the text is none of them.
    """
    written = text.strip()
    if written.startswith("@"):
        if written not in NICKNAMES:
            raise CronError(f"known nicknames are {', '.join(NICKNAMES)}")
        written, with_seconds = NICKNAMES[written], False
    parts = written.split()
    kinds = _FIELDS if with_seconds else _FIELDS[1:]
    if len(parts) != len(kinds):
        raise CronError(f"it has {len(parts)} fields instead of {len(kinds)}")
    sets = [_numbers(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    if not with_seconds:
        sets.insert(0, {0})
    seconds, minutes, hours, days, months, weekdays = sets
    cron = Cron(
        text=text,
        seconds=tuple(sorted(seconds)),
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
    )
    if cron.next_after(datetime(2024, 1, 1)) is None:  # noqa: DTZ001 - wall-clock time
        raise CronError("it names no day that exists, so it would never tick")
    return cron


def _numbers(part: str, kind: _FieldKind) -> set[int]:
    found: set[int] = set()
    for item in part.split(","):
        found |= _item(item, kind)
    return found


def _item(item: str, kind: _FieldKind) -> set[int]:
    span, slash, step_text = item.partition("/")
    step = 1
    if slash:
        if not (step_text.isascii() and step_text.isdigit() and 0 < len(step_text) < 4 and int(step_text)):
            raise CronError(f"`{item}` has a step that is not a positive number")
        step = int(step_text)
    if span == "*":
        # Day 7 of the week is day 0 again.
        return set(range(kind.low, min(kind.high, 6 if kind.name == "day of week" else kind.high) + 1, step))
    first_text, dash, last_text = span.partition("-")
    first = _number(first_text, kind, item)
    if dash:
        last = _number(last_text, kind, item)
        if last < first:
            if last == 0 and kind.name == "day of week":
                last = 7
            else:
                raise CronError(f"`{item}` runs backwards")
    else:
        last = kind.high if slash else first
    return set(range(first, last + 1, step))


def _number(text: str, kind: _FieldKind, item: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 4:
        number = int(text)
        if kind.low <= number <= kind.high:
            return number
    elif text.upper() in kind.words:
        return kind.words.index(text.upper()) + kind.first_word
    raise CronError(f"`{item}` does not fit the field {kind.name}, which goes from {kind.low} to {kind.high}")

"""The ticks of a range, in order (triggers spec A5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from batuta.timetable.calendar import Calendar

_MICROSECOND = timedelta(microseconds=1)


def first_from(calendar: Calendar, start: datetime) -> datetime | None:
    """The first tick at or after an instant."""
    return calendar.next_after(start - _MICROSECOND)


def ticks(calendar: Calendar, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every tick from `start` to `end`, both included."""
    tick = first_from(calendar, start)
    while tick is not None and tick <= end:
        yield tick
        tick = calendar.next_after(tick)

"""A cron expression in a time zone: wall-clock times become instants.

Policy. An expression names wall-clock times; each of them gives one tick:

- a time that exists once is that instant;
- a time that exists twice, when clocks are set back, is its first occurrence: nothing ticks twice;
- a time that does not exist, when clocks are set forward, is the first instant after the gap; several of
  them are one tick.

The map from wall-clock times to instants never runs backwards, so a search among wall-clock times is a search
among instants, apart from jumps over the hour that comes twice and the one that does not come.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from batuta.timetable.cron import Cron

_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_MOST_JUMPS = 8


class CronCalendar:
    """The ticks of an expression in a zone."""

    def __init__(self, cron: Cron, zone: tzinfo) -> None:
        self.cron = cron
        self.zone = zone

    def next_after(self, instant: datetime) -> datetime | None:
        """The first tick strictly after an instant."""
        local = instant.astimezone(self.zone)
        wall = local.replace(tzinfo=None, fold=0)
        for _ in range(_MOST_JUMPS):
            found = self.cron.next_after(wall)
            if found is None:
                return None
            tick = self.instant_of(found)
            if tick > instant:
                return tick
            # In the second occurrence of an hour: its times have ticked. Go on where the clock is new.
            wall = max(found, self._end_of_overlap(local) - _MICROSECOND)
        return None

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last tick strictly before an instant."""
        local = instant.astimezone(self.zone)
        # In the second occurrence of an hour, all of its times have ticked.
        wall = self._end_of_overlap(local) if local.fold else local.replace(tzinfo=None)
        for _ in range(_MOST_JUMPS):
            found = self.cron.previous_before(wall)
            if found is None:
                return None
            tick = self.instant_of(found)
            if tick < instant:
                return tick
            # In a gap whose end is the instant itself: go on before the gap.
            wall = min(found, (instant - _MICROSECOND).astimezone(self.zone).replace(tzinfo=None, fold=0))
        return None

    def instant_of(self, wall: datetime) -> datetime:
        """The instant of a wall-clock time, by the policy above."""
        return instant_of(wall, self.zone)

    def note(self, tick: datetime) -> str | None:
        """What the clocks do around a tick, or None: for people who wonder."""
        local = tick.astimezone(self.zone)
        before = (tick - _SECOND).astimezone(self.zone)
        forward = (local.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
        wall = local.replace(tzinfo=None, fold=0)
        if forward > timedelta() and not self._ticks_at(wall):
            return f"clocks are set forward by {_minutes(forward)}: the first instant after the gap"
        later = wall.replace(tzinfo=self.zone, fold=1).utcoffset() or timedelta()
        back = (local.utcoffset() or timedelta()) - later
        if back > timedelta() and not local.fold:
            return f"clocks are set back by {_minutes(back)} and this time comes twice: the first one counts"
        return None

    def _ticks_at(self, wall: datetime) -> bool:
        return self.cron.next_after(wall - _SECOND) == wall

    def _end_of_overlap(self, local: datetime) -> datetime:
        """The wall-clock time from which on nothing comes twice any more."""
        if not local.fold:
            return local.replace(tzinfo=None)
        first = local.replace(fold=0).utcoffset() or timedelta()
        second = local.utcoffset() or timedelta()
        change = _change_before(local.astimezone(UTC), first - second, self.zone)
        return (change + first).replace(tzinfo=None)


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """The instant of a wall-clock time in a zone, by the policy above."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    shown = instant.astimezone(zone).replace(tzinfo=None, fold=0)
    return instant if shown == wall else _change_before(instant, shown - wall, zone)


def _change_before(instant: datetime, span: timedelta, zone: tzinfo) -> datetime:
    """The first instant of the offset that holds at `instant`, which began at most `span` before."""
    offset = instant.astimezone(zone).utcoffset()
    low, high = instant - span - _SECOND, instant
    if low.astimezone(zone).utcoffset() == offset:
        return instant
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high


def _minutes(span: timedelta) -> str:
    return f"{int(span.total_seconds()) // 60} minutes"

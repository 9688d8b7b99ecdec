"""What to do about ticks that were missed while nothing could start (triggers spec A3.4)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from batuta.timetable.calendar import Calendar


class Recover(StrEnum):
    """Which of the missed ticks are made good."""

    ALL = "ALL"
    """Every one, in order, each after the end of the one before."""
    LAST = "LAST"
    """The latest."""
    NONE = "NONE"
    """None: the next tick is one to come."""


def after_gap(
    policy: Recover, calendar: Calendar, waiting: datetime | None, last: datetime | None, now: datetime
) -> datetime | None:
    """The tick to look at next, after a time in which none could start.

    Args:
        policy: what the trigger says about missed ticks.
        calendar: its ticks.
        waiting: the tick that was due first; it stays when it is not yet over.
        last: the tick that was handled last.
        now: the present.
    """
    if waiting is None or waiting >= now or policy is Recover.ALL:
        return waiting
    if policy is Recover.LAST:
        latest = calendar.previous_before(now)
        if latest is not None and (last is None or latest > last) and latest >= waiting:
            return latest
    return calendar.next_after(now)

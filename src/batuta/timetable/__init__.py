"""Pure: when is the next tick? Cron expressions and listed dates in a zone, what to do about missed ticks,
and the ticks of a backfill."""

from __future__ import annotations

from batuta.timetable.calendar import Calendar, Filtered, Holds
from batuta.timetable.cron import Cron, CronError
from batuta.timetable.dates import ListedDates
from batuta.timetable.missed import Recover, after_gap
from batuta.timetable.zoned import CronCalendar, instant_of

__all__ = [
    "Calendar",
    "Cron",
    "CronCalendar",
    "CronError",
    "Filtered",
    "Holds",
    "ListedDates",
    "Recover",
    "after_gap",
    "instant_of",
]

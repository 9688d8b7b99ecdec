"""What gives ticks, and a calendar of which only some ticks count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Protocol


class Calendar(Protocol):
    """An ordered set of instants, which are all in UTC and on whole seconds."""

    def next_after(self, instant: datetime) -> datetime | None:
        """The first tick strictly after an instant; None when there is none."""

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last tick strictly before an instant; None when there is none."""


class Holds(Enum):
    """What the conditions say about a tick."""

    YES = "yes"
    NO = "no"
    NOT_TODAY = "not today"
    """Nor about any other tick of the same local day."""


MOST_CANDIDATES = 2_000
"""Most ticks that one search looks at. Beyond them it stops at a tick that does not count."""


class Filtered:
    """The ticks of a calendar for which conditions hold.

    A search is bounded: a calendar that ticks each second under a condition that never holds would be
    searched for years. `next_after` then stops at a *checkpoint*: a tick from which to search on once it is
    due. Whoever starts something at a tick asks `holds` first.
    """

    def __init__(
        self,
        calendar: Calendar,
        holds: Callable[[datetime], Holds],
        end_of_day: Callable[[datetime], datetime],
    ) -> None:
        self._calendar = calendar
        self._end_of_day = end_of_day
        self.holds = holds

    def next_after(self, instant: datetime) -> datetime | None:
        """The first tick after an instant that counts, or a checkpoint."""
        tick = self._calendar.next_after(instant)
        for _ in range(MOST_CANDIDATES):
            if tick is None:
                return None
            match self.holds(tick):
                case Holds.YES:
                    return tick
                case Holds.NOT_TODAY:
                    # The first instant of the next day may be a tick itself.
                    tick = self._calendar.next_after(self._end_of_day(tick))
                case Holds.NO:
                    tick = self._calendar.next_after(tick)
        return tick

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last tick before an instant that counts; None when none is found within the bound."""
        tick = self._calendar.previous_before(instant)
        for _ in range(MOST_CANDIDATES):
            if tick is None or self.holds(tick) is Holds.YES:
                return tick
            tick = self._calendar.previous_before(tick)
        return None

    def neighbour_after(self, instant: datetime) -> datetime | None:
        """As `next_after`, with None in place of a checkpoint."""
        tick = self.next_after(instant)
        return tick if tick is not None and self.holds(tick) is Holds.YES else None

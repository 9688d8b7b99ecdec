"""A list of dates as a calendar."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime


class ListedDates:
    """Ticks that were written down one by one; their order does not matter, and each counts once."""

    def __init__(self, dates: Iterable[datetime]) -> None:
        self.dates = sorted({date.astimezone(UTC) for date in dates})

    def next_after(self, instant: datetime) -> datetime | None:
        """The first date strictly after an instant."""
        place = bisect_right(self.dates, instant)
        return self.dates[place] if place < len(self.dates) else None

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last date strictly before an instant."""
        place = bisect_left(self.dates, instant)
        return self.dates[place - 1] if place else None

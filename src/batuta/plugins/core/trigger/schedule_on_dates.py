"""A schedule by a list of dates."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from msgspec import Meta

from batuta.errors import BatutaError
from batuta.plugin.registry import plugin
from batuta.plugin.trigger import ScheduledTrigger
from batuta.timetable import ListedDates


@plugin("io.kestra.plugin.core.trigger.ScheduleOnDates")
class ScheduleOnDates(ScheduledTrigger):
    """Start the flow once at each of some dates.

    ```yaml
    id: releases
    type: io.kestra.plugin.core.trigger.ScheduleOnDates
    timezone: Europe/Paris
    dates:
      - "2026-12-01T08:00:00Z"
      - "2027-03-01T08:00:00"
    ```
    """

    tells_dates: ClassVar[bool] = False

    dates: Annotated[
        list[str], Meta(min_length=1, description="When; a date without an offset is one of `timezone`.")
    ]

    def ticks(self, zone: str) -> ListedDates:
        """The dates in order.

        Raises:
            BatutaError: one of them is none.
        """
        return ListedDates(_read(text, ZoneInfo(self.timezone or zone)) for text in self.dates)


def _read(text: str, zone: ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BatutaError(
            f"`{text}` is not a date such as 2026-12-01T08:00:00Z", where="dates", mend="mend the trigger"
        ) from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).replace(microsecond=0)

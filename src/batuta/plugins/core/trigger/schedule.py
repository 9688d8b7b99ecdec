"""A schedule by a cron expression."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Problem, ScheduledTrigger
from batuta.timetable import CronCalendar, CronError, cron


@plugin("io.kestra.plugin.core.trigger.Schedule")
class Schedule(ScheduledTrigger):
    """Start the flow at the times of a cron expression.

    The expression names wall-clock times in `timezone`. When clocks are set forward, a time that does not
    exist is the first instant after the gap; when they are set back, a time that comes twice counts once, at
    its first occurrence. If both day fields are restricted, it is enough that one of them fits.

    ```yaml
    id: mornings
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 9 * * MON-FRI"
    timezone: Europe/Paris
    ```
    """

    cron: Annotated[str, Meta(description="Five fields, or a nickname such as @daily.")]
    with_seconds: Annotated[bool, Meta(description="Six fields, seconds first.")] = False
    late_maximum_delay: Annotated[
        timedelta | None, Meta(description="A tick that is later than this is left out.")
    ] = None
    schedule_conditions: Annotated[
        list[Any] | None, Meta(description="Older name of `conditions`; both count.")
    ] = None
    backfill: Annotated[dict[str, Any] | None, Meta(description="Has no effect any more.")] = None

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the expression."""
        try:
            cron.parse(self.cron, with_seconds=self.with_seconds)
        except CronError as error:
            yield Problem(
                "cron",
                f"invalid cron expression '{self.cron}': {error}",
                "six fields, seconds first"
                if self.with_seconds
                else "five fields, such as `0 9 * * MON-FRI`",
            )

    def ticks(self, zone: str) -> CronCalendar:
        """The times of the expression in its zone."""
        parsed = cron.parse(self.cron, with_seconds=self.with_seconds)
        return CronCalendar(parsed, ZoneInfo(self.timezone or zone))

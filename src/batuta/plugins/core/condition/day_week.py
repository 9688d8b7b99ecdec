"""A day of the week."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from batuta.plugin.condition import DateCondition, Occasion, weekday
from batuta.plugin.registry import plugin

Weekday = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


@plugin(
    "io.kestra.plugin.core.condition.DayWeek", aliases=("io.kestra.plugin.core.condition.DayWeekCondition",)
)
class DayWeek(DateCondition):
    """The date is on a day of the week.

    ```yaml
    type: io.kestra.plugin.core.condition.DayWeek
    dayOfWeek: MONDAY
    ```
    """

    of_days: ClassVar[bool] = True

    day_of_week: Annotated[Weekday, Meta(description="The day.")]

    def holds(self, on: Occasion) -> bool:
        """Compare."""
        return weekday(self.moment(on), self.day_of_week)

"""The first, second ... or last Monday ... of a month."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from batuta.plugin.condition import DateCondition, Occasion, weekday
from batuta.plugin.registry import plugin
from batuta.plugins.core.condition.day_week import Weekday

_PLACES = ("FIRST", "SECOND", "THIRD", "FOURTH")


@plugin(
    "io.kestra.plugin.core.condition.DayWeekInMonth",
    aliases=("io.kestra.plugin.core.condition.DayWeekInMonthCondition",),
)
class DayWeekInMonth(DateCondition):
    """The date is the first, second, third, fourth or last of a day of the week in its month.

    ```yaml
    type: io.kestra.plugin.core.condition.DayWeekInMonth
    dayOfWeek: MONDAY
    dayInMonth: FIRST
    ```
    """

    of_days: ClassVar[bool] = True

    day_of_week: Annotated[Weekday, Meta(description="The day.")]
    day_in_month: Annotated[
        Literal["FIRST", "SECOND", "THIRD", "FOURTH", "LAST"], Meta(description="Which one of the month.")
    ]

    def holds(self, on: Occasion) -> bool:
        """Compare."""
        moment = self.moment(on)
        if not weekday(moment, self.day_of_week):
            return False
        if self.day_in_month == "LAST":
            return (moment + timedelta(days=7)).month != moment.month
        return (moment.day - 1) // 7 == _PLACES.index(self.day_in_month)

"""Saturdays and Sundays."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.condition import DateCondition, Occasion
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.Weekend", aliases=("io.kestra.plugin.core.condition.WeekendCondition",)
)
class Weekend(DateCondition):
    """The date is a Saturday or a Sunday.

    ```yaml
    type: io.kestra.plugin.core.condition.Weekend
    ```
    """

    of_days: ClassVar[bool] = True

    def holds(self, on: Occasion) -> bool:
        """Look at the day."""
        return self.moment(on).weekday() >= 5

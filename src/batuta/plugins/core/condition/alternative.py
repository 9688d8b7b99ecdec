"""Any of several conditions."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from batuta.plugin.condition import AnyCondition, Condition, Occasion
from batuta.plugin.registry import plugin


@plugin("io.kestra.plugin.core.condition.Or", aliases=("io.kestra.plugin.core.condition.OrCondition",))
class Or(Condition):
    """At least one of the conditions holds.

    ```yaml
    type: io.kestra.plugin.core.condition.Or
    conditions:
      - type: io.kestra.plugin.core.condition.DayWeek
        dayOfWeek: SUNDAY
    ```
    """

    of_dates: ClassVar[bool] = True

    conditions: Annotated[list[AnyCondition], Meta(min_length=1, description="What is asked.")]
    date: Annotated[str | None, Meta(description="Has no effect; each condition has its own.")] = None

    def holds(self, on: Occasion) -> bool:
        """Ask them in order."""
        return any(on.holds(each) for each in self.conditions)

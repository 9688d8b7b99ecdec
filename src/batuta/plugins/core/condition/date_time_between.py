"""A date within bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.errors import BatutaError
from batuta.plugin.condition import DateCondition, Occasion, read_moment
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.DateTimeBetween",
    aliases=("io.kestra.plugin.core.condition.DateTimeBetweenCondition",),
)
class DateTimeBetween(DateCondition):
    """The date is after one instant, before another, or between both.

    ```yaml
    type: io.kestra.plugin.core.condition.DateTimeBetween
    after: "2026-01-01T00:00:00Z"
    before: "2026-07-01T00:00:00Z"
    ```
    """

    after: Annotated[str | None, Meta(description="Strictly after this instant.")] = None
    before: Annotated[str | None, Meta(description="Strictly before this instant.")] = None

    def holds(self, on: Occasion) -> bool:
        """Compare."""
        if self.after is None and self.before is None:
            raise BatutaError("`DateTimeBetween` needs `after`, `before` or both")
        moment = self.moment(on)
        is_after = self.after is None or moment > read_moment(self.after, "after")
        return is_after and (self.before is None or moment < read_moment(self.before, "before"))

"""A time of day within bounds."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from msgspec import Meta

from batuta.errors import BatutaError
from batuta.plugin.condition import DateCondition, Occasion
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.TimeBetween",
    aliases=("io.kestra.plugin.core.condition.TimeBetweenCondition",),
)
class TimeBetween(DateCondition):
    """The time of day is after one time, before another, or between both; the range may cross midnight.

    ```yaml
    type: io.kestra.plugin.core.condition.TimeBetween
    after: "08:00:00Z"
    before: "18:00:00Z"
    ```
    """

    after: Annotated[str | None, Meta(description="Strictly after this time, with its offset.")] = None
    before: Annotated[str | None, Meta(description="Strictly before this time, with its offset.")] = None

    def holds(self, on: Occasion) -> bool:
        """Compare times of day in UTC, around the clock."""
        moment = _of_day(self.moment(on).astimezone(UTC).timetz())
        after = None if self.after is None else _of_day(_read(self.after, "after"))
        before = None if self.before is None else _of_day(_read(self.before, "before"))
        if after is None:
            if before is None:
                raise BatutaError("`TimeBetween` needs `after`, `before` or both")
            return moment < before
        if before is None:
            return moment > after
        if after >= before:
            return moment > after or moment < before
        return after < moment < before


def _read(text: str, name: str) -> time:
    try:
        found = time.fromisoformat(text.strip())
    except ValueError:
        raise BatutaError(f"`{name}` must be a time such as 16:19:12Z, but is `{text}`", where=name) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _of_day(moment: time) -> timedelta:
    """Since midnight in UTC."""
    day = datetime(2026, 1, 2, tzinfo=UTC)
    return (datetime.combine(day.date(), moment) - day) % timedelta(days=1)

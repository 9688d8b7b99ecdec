"""Windows of time in which preconditions have to be met (triggers spec A6.1). All times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from batuta.errors import BatutaError

_DAY = timedelta(days=1)


class TimeWindow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How long what was met counts."""

    type: Annotated[
        Literal["DURATION_WINDOW", "SLIDING_WINDOW", "DAILY_TIME_DEADLINE", "DAILY_TIME_WINDOW"],
        Meta(description="How the window is placed."),
    ] = "DURATION_WINDOW"
    window: Annotated[timedelta | None, Meta(description="Its length; a day unless told otherwise.")] = None
    window_advance: Annotated[timedelta | None, Meta(description="Moves the grid of windows.")] = None
    deadline: Annotated[str | None, Meta(description="End of each day's window, such as 09:00:00.")] = None
    start_time: Annotated[str | None, Meta(description="Begin of each day's window.")] = None
    end_time: Annotated[str | None, Meta(description="End of each day's window.")] = None

    def around(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Begin and end of the window that `now` falls into; None when it falls into none.

        Raises:
            BatutaError: a time is missing or cannot be read.
        """
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        match self.type:
            case "SLIDING_WINDOW":
                return now, now + (self.window or _DAY)
            case "DAILY_TIME_DEADLINE":
                end = midnight + _since_midnight(self.deadline, "deadline")
                return (midnight, end) if now <= end else None
            case "DAILY_TIME_WINDOW":
                start = midnight + _since_midnight(self.start_time, "startTime")
                end = midnight + _since_midnight(self.end_time, "endTime")
                return (start, end) if start <= now <= end else None
        span = self.window or _DAY
        if span <= timedelta():
            raise BatutaError("`window` must be longer than nothing", where="timeWindow.window")
        grid = midnight + (self.window_advance or timedelta())
        start = grid + (now - grid) // span * span
        return start, start + span


def _since_midnight(text: str | None, name: str) -> timedelta:
    try:
        found = time.fromisoformat((text or "").strip())
    except ValueError:
        raise BatutaError(
            f"`{name}` must be a time such as 09:00:00, but is `{text}`", where=f"timeWindow.{name}"
        ) from None
    return timedelta(hours=found.hour, minutes=found.minute, seconds=found.second)

"""Values over time in equal steps, without gaps (API spec §11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum


class Step(StrEnum):
    """How long a step is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


Aggregate = Callable[[Sequence[float]], float]

AGGREGATES: dict[str, Aggregate] = {
    "avg": lambda values: sum(values) / len(values),
    "sum": sum,
    "min": min,
    "max": max,
}

_SPANS = (
    (timedelta(days=365), Step.MONTH),
    (timedelta(days=180), Step.WEEK),
    (timedelta(days=1), Step.DAY),
    (timedelta(hours=6), Step.HOUR),
)
_LENGTHS = {
    Step.MINUTE: timedelta(minutes=1),
    Step.HOUR: timedelta(hours=1),
    Step.DAY: timedelta(days=1),
    Step.WEEK: timedelta(weeks=1),
}


def step_for(span: timedelta) -> Step:
    """The step in which a span is told: the longer the span, the longer the step."""
    return next((step for least, step in _SPANS if span > least), Step.MINUTE)


def aggregated(
    points: Iterable[tuple[datetime, float]], start: datetime, end: datetime, step: Step, aggregate: Aggregate
) -> Iterator[tuple[datetime, float | None]]:
    """Begin and value of every step between two instants.

    Nothing adds up to 0; every other aggregate of a step without values is None.
    """
    nothing = 0.0 if aggregate is sum else None
    values: dict[datetime, list[float]] = {}
    for at, value in points:
        values.setdefault(begin_of(at, step), []).append(value)
    at = begin_of(start, step)
    while at <= end:
        yield at, aggregate(values[at]) if at in values else nothing
        at = _next(at, step)


def begin_of(at: datetime, step: Step) -> datetime:
    """When the step began that an instant is in; weeks begin on Monday."""
    at = at.replace(second=0, microsecond=0)
    if step is Step.MINUTE:
        return at
    at = at.replace(minute=0)
    if step is Step.HOUR:
        return at
    at = at.replace(hour=0)
    if step is Step.WEEK:
        return at - timedelta(days=at.weekday())
    return at.replace(day=1) if step is Step.MONTH else at


def _next(at: datetime, step: Step) -> datetime:
    if step is Step.MONTH:
        return begin_of(at + timedelta(days=32), Step.MONTH)
    return at + _LENGTHS[step]

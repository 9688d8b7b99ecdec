"""When a failed task is tried again, or that it is not (flow spec §12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from batuta import iso8601
from batuta.engine.ledger import Ledger
from batuta.model.execution import Attempt, TaskRun
from batuta.model.task import RetryKind, RetryPolicy


def policy_of(ledger: Ledger, run: TaskRun) -> RetryPolicy | None:
    """The task's own policy, else that of the closest flowable around it, else the flow's (flow §12.3)."""
    place = ledger.outline.places.get(run.task_id)
    while place is not None:
        if place.task.retry is not None:
            return place.task.retry
        place = None if place.parent is None else ledger.outline.places.get(place.parent)
    return ledger.outline.flow.retry


def next_attempt_at(policy: RetryPolicy, attempts: Sequence[Attempt], *, seed: str = "") -> datetime | None:
    """When to try again, or None when the policy is spent.

    `attempts` are in order and none is empty; the first one's start opens `max_duration`. `seed` decides the
    interval of a random policy, so that the same step gives the same date. Source: flow spec §12.2.
    """
    return next_date(
        policy, len(attempts), attempts[0].state.started_at, attempts[-1].state.changed_at, seed=seed
    )


def next_date(
    policy: RetryPolicy, made: int, first: datetime, last: datetime, *, seed: str = ""
) -> datetime | None:
    """The date after `made` attempts of which the first began at `first` and the latest ended at `last`."""
    if policy.max_attempts is not None and made >= policy.max_attempts:
        return None
    at = last + _interval(policy, made, seed)
    if policy.max_duration is not None and at > first + iso8601.parse_duration(policy.max_duration):
        return None
    return at


def _interval(policy: RetryPolicy, made: int, seed: str) -> timedelta:
    def duration(text: str | None) -> timedelta:
        return iso8601.parse_duration(text or "PT0S")

    match policy.type:
        case RetryKind.CONSTANT:
            return duration(policy.interval)
        case RetryKind.EXPONENTIAL:
            most = duration(policy.max_interval)
            grown = duration(policy.interval).total_seconds() * policy.delay_factor ** min(made - 1, 64)
            return min(timedelta(seconds=min(grown, most.total_seconds())), most)
        case RetryKind.RANDOM:
            least, most = duration(policy.min_interval), duration(policy.max_interval)
            return least + (most - least) * Random(f"{seed}:{made}").random()

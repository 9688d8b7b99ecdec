"""Quotas: how many executions of a flow may be created in each window of time (flow spec §13.3).

Windows are fixed and aligned to UTC: those of an hour are the hours of the clock. A duration that does not
divide a day gives a shorter last window each day; one that is longer than a day is counted from a Monday.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from batuta import iso8601
from batuta.engine.draft import Draft
from batuta.engine.endings import refuse
from batuta.model import labels
from batuta.model.flow import ConcurrencyBehavior
from batuta.model.labels import Label
from batuta.model.state import State
from batuta.model.task import LogLevel

_DAY = timedelta(days=1)
_A_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def window_start(duration: timedelta, now: datetime) -> datetime:
    """When the window began in which an instant lies."""
    now = now.astimezone(UTC)
    origin = _A_MONDAY if duration > _DAY else now.replace(hour=0, minute=0, second=0, microsecond=0)
    return origin + (now - origin) // duration * duration


def admits(draft: Draft) -> bool:
    """Every quota has room for the execution; the first that has none ends it, and nothing is used up."""
    for use in draft.quotas:
        if use.used < use.quota.limit:
            continue
        window = iso8601.format_duration(use.quota.duration)
        fails = use.quota.behavior is ConcurrencyBehavior.FAIL
        state = State.FAILED if fails else State.CANCELLED
        draft.log(
            LogLevel.ERROR if fails else LogLevel.WARN,
            f"Flow {draft.execution.flow_key} is {state} due to quota exceeded, "
            f"{use.quota.limit} execution(s) per {window}",
        )
        refused = labels.merged(draft.execution.labels, (Label(labels.QUOTA, labels.EXCEEDED),))
        draft.change_execution(labels=refused)
        refuse(draft, state)
        return False
    return True

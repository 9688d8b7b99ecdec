"""What a record says of evaluations that went wrong: since when, how often, and why. Pure.

For whoever wants to explain why a trigger starts nothing, `trouble_of` is the place to ask.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from batuta.model.trigger import TriggerKind, TriggerRecord


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """That a trigger cannot look, or listen."""

    since: datetime
    """When the first of the evaluations failed that have all failed since."""
    failures: int
    reason: str
    """Of the last one."""
    next_at: datetime | None
    """When it is tried again; None where the worker that listens decides."""


def trouble_of(record: TriggerRecord) -> Trouble | None:
    """Why a trigger waits for what it looks at; None while all is well."""
    if record.failing_since is None:
        return None
    return Trouble(
        since=record.failing_since,
        failures=record.failures,
        reason=record.problem or "",
        next_at=None if record.kind is TriggerKind.REALTIME else record.next_at,
    )


def troubled(record: TriggerRecord, problem: str, now: datetime) -> TriggerRecord:
    """One more evaluation went wrong."""
    return replace(
        record,
        failing_since=record.failing_since or now,
        failures=record.failures + 1,
        problem=problem,
        updated_at=now,
    )


def well(record: TriggerRecord) -> TriggerRecord:
    """An evaluation went as it should."""
    if record.failing_since is None:
        return record
    return replace(record, failing_since=None, failures=0, problem=None)

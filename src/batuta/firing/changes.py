"""How people change the record of a trigger: pure, from one record to the next (triggers spec A5, A12)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from batuta.errors import Conflict, NotFound
from batuta.model.labels import Label
from batuta.model.trigger import Backfill, TriggerKind, TriggerRecord
from batuta.store.batch import Batch


def written(before: TriggerRecord, after: TriggerRecord) -> Batch:
    """What is to be committed for a change; an evaluation that was given up loses its job."""
    is_given_up = before.evaluating_since is not None and after.evaluating_since is None
    return Batch(triggers=[after], removed_trigger_jobs=[after.key] if is_given_up else [])


def switched(record: TriggerRecord, *, disabled: bool, now: datetime, recover: bool = False) -> TriggerRecord:
    """Switched off, or on: then it goes on with ticks to come, unless missed ones shall be made good."""
    if record.kind is TriggerKind.REALTIME:
        raise Conflict("Realtime triggers cannot be switched here", mend="edit the flow instead")
    if disabled:
        return replace(record, disabled=True, next_at=None, evaluating_since=None, updated_at=now)
    if record.backfill is not None:
        next_at = None if record.backfill.paused else record.backfill.current
    elif recover and record.date is not None:
        next_at = record.date + timedelta(seconds=1)
    else:
        next_at = now
    return replace(record, disabled=False, next_at=next_at, updated_at=now)


def unlocked(record: TriggerRecord, *, now: datetime) -> TriggerRecord:
    """Both locks opened by hand."""
    if not record.is_locked or record.kind is TriggerKind.REALTIME:
        raise Conflict(f"The trigger {record.key} is not locked", mend="nothing needs to be done")
    return replace(record, execution_id=None, evaluating_since=None, updated_at=now)


def restarted(record: TriggerRecord, *, now: datetime) -> TriggerRecord:
    """The evaluation is given up; it begins anew. A realtime trigger that was stopped listens again."""
    if record.kind is TriggerKind.SCHEDULE:
        return replace(record, evaluating_since=None, updated_at=now)
    disabled = record.disabled and record.kind is not TriggerKind.REALTIME
    next_at = None if disabled else now
    return replace(record, disabled=disabled, evaluating_since=None, next_at=next_at, updated_at=now)


def backfilled(
    record: TriggerRecord,
    *,
    id: str,
    start: datetime,
    end: datetime | None,
    inputs: dict[str, Any],
    labels: tuple[Label, ...],
    now: datetime,
) -> TriggerRecord:
    """With a backfill; another one that was there is replaced."""
    if record.kind is not TriggerKind.SCHEDULE:
        raise Conflict(f"The trigger {record.key} is no schedule, so it has no past to fill")
    end = now if end is None else end
    if start > end:
        raise Conflict(
            f"The backfill would end ({end.isoformat()}) before it starts ({start.isoformat()})",
            where="backfill.start",
            mend="give an `end` that is later than `start`",
        )
    before = record.backfill
    backfill = Backfill(
        id=id,
        start=start,
        end=end,
        current=start,
        inputs=inputs,
        labels=labels,
        previous_next_at=record.next_at if before is None else before.previous_next_at,
    )
    next_at = record.next_at if record.disabled else start
    return replace(record, backfill=backfill, next_at=next_at, updated_at=now)


def paused(record: TriggerRecord, *, now: datetime, on: bool) -> TriggerRecord:
    """The backfill held back, or going on."""
    backfill = _need(record)
    next_at = None if on or record.disabled else backfill.current
    return replace(record, backfill=replace(backfill, paused=on), next_at=next_at, updated_at=now)


def without_backfill(record: TriggerRecord, *, now: datetime) -> TriggerRecord:
    """The backfill given up; the schedule goes on where it was."""
    backfill = _need(record)
    next_at = None if record.disabled else (backfill.previous_next_at or now)
    return replace(record, backfill=None, next_at=next_at, updated_at=now)


def _need(record: TriggerRecord) -> Backfill:
    if record.backfill is None:
        raise NotFound("No backfill found", where=str(record.key))
    return record.backfill

"""Why a trigger starts nothing at this moment: from what is known of it to a chain of causes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from batuta import iso8601
from batuta.firing.troubles import trouble_of
from batuta.model.causes import Cause, CauseKind, TriggerExplanation
from batuta.model.flow import TriggerDefinition
from batuta.model.trigger import TriggerJob, TriggerKey, TriggerKind, TriggerRecord, Window
from batuta.web.causes import causes_of
from batuta.web.evidence import Evidence

WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"
_LATE_SECONDS = 5.0
"""A date that passed longer ago than this waits for a scheduler; a younger one is being dealt with."""


class TriggerEvidence(msgspec.Struct, kw_only=True):
    """What is known of one trigger at one instant."""

    key: TriggerKey
    record: TriggerRecord | None = None
    """None for a webhook, and for a trigger that listens to other executions."""
    definition: TriggerDefinition | None = None
    """None when the newest revision of the flow has no such trigger, or cannot be read."""
    type: str = ""
    """The type of the definition under its present name."""
    flow_disabled: bool = False
    draft: bool = False
    """The flow is saved unfinished."""
    job: TriggerJob | None = None
    """The evaluation that waits for a worker, or that one has."""
    holder: Evidence | None = None
    """The execution whose end it waits for."""
    window: Window | None = None
    """Preconditions that were met so far."""
    conditions: dict[str, str] = {}
    """All preconditions: how each is named to people, by the name it has in the window."""

    @property
    def may_start(self) -> bool:
        """The newest revision of the flow lets the trigger start it."""
        is_off = self.definition is None or self.definition.disabled
        return not (is_off or self.draft or self.flow_disabled)


def explained(found: TriggerEvidence, now: datetime, slots: int) -> TriggerExplanation:
    """The explanation of a trigger; `slots` is how many attempts a worker runs at once."""
    causes = tuple(_causes(found, now, slots))
    record = found.record
    return TriggerExplanation(
        namespace=found.key.namespace,
        flow_id=found.key.flow_id,
        trigger_id=found.key.trigger_id,
        type=found.type,
        message=causes[0].message,
        next_date=None if record is None else record.next_at,
        last_triggered_date=None if record is None else record.triggered_at,
        causes=causes,
    )


def _causes(found: TriggerEvidence, now: datetime, slots: int) -> Iterator[Cause]:
    record = found.record
    if found.draft:
        message = "its flow is a draft, which no trigger starts; save it without `draft`"
        yield Cause(kind=CauseKind.DISABLED, message=message)
    if found.flow_disabled or (found.definition is not None and found.definition.disabled):
        what = "its flow is" if found.flow_disabled else "it is"
        yield Cause(
            kind=CauseKind.DISABLED,
            message=f"{what} disabled in the text of the flow; save the flow without `disabled: true`",
        )
    if record is None:
        if found.may_start:
            yield _of_listener(found)
        return
    words = " ".join(found.key)
    if record.disabled:
        yield Cause(
            kind=CauseKind.DISABLED,
            message="it is switched off",
            command=f"batuta trigger enable {words}",
        )
    if found.definition is None:
        yield Cause(
            kind=CauseKind.DISABLED,
            message="the newest revision of its flow has no such trigger, or cannot be read",
            command=f"batuta trigger delete {words}",
        )
    yield from _troubles(record)
    yield from _locks(found, record, words, now, slots)
    yield from _backfills(record, words)
    if record.held:
        if found.may_start:
            message = "the scheduler has not read the newest revision of its flow yet"
            yield Cause(kind=CauseKind.EXECUTOR, message=message)
    elif not record.disabled:
        yield _to_come(found, record, now)


def _troubles(record: TriggerRecord) -> Iterator[Cause]:
    trouble = trouble_of(record)
    if trouble is None:
        return
    times = "once" if trouble.failures == 1 else f"{trouble.failures} times"
    reason = trouble.reason.partition("\n")[0]
    then = "soon" if trouble.next_at is None else f"at {iso8601.format_instant(trouble.next_at)}"
    yield Cause(
        kind=CauseKind.SOURCE,
        message=f"what it looks at could not be reached, tried {times}: {reason}; it is tried again {then}",
        since=trouble.since,
        until=trouble.next_at,
    )


def _locks(
    found: TriggerEvidence, record: TriggerRecord, words: str, now: datetime, slots: int
) -> Iterator[Cause]:
    if record.execution_id is not None:
        holder = found.holder
        if holder is None:
            yield Cause(
                kind=CauseKind.LOCK,
                message=f"it waits for the end of execution {record.execution_id}, which is gone",
                execution_id=record.execution_id,
                command=f"batuta trigger unlock {words}",
            )
            return
        state = holder.execution.state
        yield Cause(
            kind=CauseKind.LOCK,
            message=f"it starts nothing before the end of execution {record.execution_id}, "
            f"which is {state.current}",
            since=state.started_at,
            execution_id=record.execution_id,
            command=f"batuta explain {record.execution_id}",
            causes=tuple(causes_of(holder, now, slots)),
        )
    if record.evaluating_since is None or record.kind is TriggerKind.REALTIME:
        return
    job = found.job
    if job is None or job.worker_id is None:
        message, kind = "a worker has to look, and none has begun to", CauseKind.WORKER_SLOT
    else:
        message, kind = f"worker {job.worker_id} looks", CauseKind.WORKER
        if job.leased_until is not None and job.leased_until < now:
            message += "; it has been silent for long, another one will take over"
    yield Cause(
        kind=kind,
        message=message,
        since=record.evaluating_since,
        command=f"batuta trigger restart {words}",
    )


def _backfills(record: TriggerRecord, words: str) -> Iterator[Cause]:
    backfill = record.backfill
    if backfill is None:
        return
    at, end = iso8601.format_instant(backfill.current), iso8601.format_instant(backfill.end)
    if backfill.paused:
        yield Cause(
            kind=CauseKind.BACKFILL,
            message=f"its backfill is paused before {at}, it goes to {end}",
            command=f"batuta backfill resume {words}",
        )
        return
    held = " once the execution before has ended" if record.execution_id is not None else ""
    yield Cause(
        kind=CauseKind.BACKFILL,
        message=f"its backfill goes on with {at}{held}, it goes to {end}",
        command=f"batuta backfill pause {words}",
    )


def _to_come(found: TriggerEvidence, record: TriggerRecord, now: datetime) -> Cause:
    if record.kind is TriggerKind.REALTIME:
        if record.evaluating_since is None:
            return Cause(kind=CauseKind.WORKER_SLOT, message="no worker listens for it yet")
        by = "" if found.job is None or found.job.worker_id is None else f" on worker {found.job.worker_id}"
        return Cause(
            kind=CauseKind.MESSAGE,
            message=f"it listens{by}, and starts an execution for each message",
            since=record.evaluating_since,
        )
    at = record.next_at
    if at is None:
        return Cause(kind=CauseKind.DATE, message="it has no next date")
    what = "its next date is" if record.kind is TriggerKind.SCHEDULE else "it looks next at"
    if (now - at).total_seconds() > _LATE_SECONDS and not record.is_locked and record.backfill is None:
        return Cause(
            kind=CauseKind.DATE,
            message=f"{what} {iso8601.format_instant(at)}, which has passed; no scheduler has dealt with it",
            since=at,
        )
    return Cause(kind=CauseKind.DATE, message=f"{what} {iso8601.format_instant(at)}", until=at)


def _of_listener(found: TriggerEvidence) -> Cause:
    """A trigger without a record waits for others: a call, or the end of an execution."""
    if found.type == WEBHOOK:
        return Cause(kind=CauseKind.MESSAGE, message="it waits for a call of its address")
    if not found.conditions:
        return Cause(kind=CauseKind.MESSAGE, message="it waits for an execution of another flow")
    met = () if found.window is None else found.window.met
    missing = [told for name, told in found.conditions.items() if name not in met]
    told = ", ".join(missing)
    if found.window is None or not missing:
        message = f"it waits until all of its preconditions are met: {', '.join(found.conditions.values())}"
        return Cause(kind=CauseKind.MESSAGE, message=message)
    so_far = f"{len(met)} of {len(found.conditions)} preconditions are met"
    return Cause(
        kind=CauseKind.MESSAGE,
        message=f"{so_far}, it waits for {told}",
        since=found.window.start,
        until=found.window.end,
    )

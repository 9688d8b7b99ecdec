"""Structs to rows and back. Instants are whole microseconds since 1970; documents are JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from batuta.engine.events import AnyEvent
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import FlowRevision
from batuta.model.labels import Label, Labels
from batuta.model.records import KvEntry, KvType, KvVersion, LogLine, Metric, StoredSecret
from batuta.model.task import LogLevel
from batuta.model.trigger import Firing, TriggerJob, TriggerRecord, Window
from batuta.store.batch import Job, Timer
from batuta.store.port import StoredLine

Row = Sequence[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LEVELS = tuple(LogLevel)


def _plain(value: object) -> object:
    """Kinds of text and number that plugins make up are kept as what they are kinds of."""
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


encode = msgspec.json.Encoder(enc_hook=_plain).encode
decode_execution = msgspec.json.Decoder(Execution).decode
decode_executions = msgspec.json.Decoder(list[Execution]).decode
decode_task_run = msgspec.json.Decoder(TaskRun).decode
decode_task_runs = msgspec.json.Decoder(list[TaskRun]).decode
decode_event = msgspec.json.Decoder(AnyEvent).decode
decode_metric = msgspec.json.Decoder(Metric).decode
decode_metrics = msgspec.json.Decoder(list[Metric]).decode
decode_trigger = msgspec.json.Decoder(TriggerRecord).decode
decode_triggers = msgspec.json.Decoder(list[TriggerRecord]).decode
decode_window = msgspec.json.Decoder(Window).decode
decode_labels = msgspec.json.Decoder(dict[str, str]).decode


def micros(instant: datetime) -> int:
    """Whole microseconds since 1970."""
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def micros_or_none(instant: datetime | None) -> int | None:
    """As `micros`; None stays None."""
    return None if instant is None else micros(instant)


def instant(micros: int) -> datetime:
    """The instant, UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def instant_or_none(micros: int | None) -> datetime | None:
    """As `instant`; None stays None."""
    return None if micros is None else instant(micros)


def labels_text(labels: Labels) -> str:
    """Labels as a JSON object, in their order."""
    return encode({label.key: label.value for label in labels}).decode() if labels else "{}"


def execution_row(execution: Execution) -> Row:
    """For `put_execution`."""
    history = execution.state
    started_at, changed_at = micros(history.started_at), micros(history.changed_at)
    trigger_id = trigger_execution_id = trigger_task_run_id = None
    if (trigger := execution.trigger) is not None:
        trigger_id = trigger.id
        trigger_execution_id = _text_or_none(trigger.variables.get("executionId"))
        trigger_task_run_id = _text_or_none(trigger.variables.get("taskRunId"))
    return (
        execution.id,
        execution.namespace,
        execution.flow_id,
        execution.kind.value,
        started_at,
        execution.parent_id,
        trigger_id,
        trigger_execution_id,
        trigger_task_run_id,
        execution.revision,
        history.current.value,
        micros_or_none(history.ended_at),
        changed_at - started_at,
        execution.settled,
        labels_text(execution.labels),
        encode(execution),
    )


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def flow_row(flow: FlowRevision) -> Row:
    """For `add_flow`."""
    return (
        flow.namespace,
        flow.id,
        flow.revision,
        micros(flow.created_at),
        flow.deleted,
        flow.disabled,
        flow.description,
        labels_text(flow.labels),
        flow.source,
        flow.draft,
    )


def flow_of(row: Row) -> FlowRevision:
    """From the columns of `latest_flow`."""
    namespace, id, revision, created_at, deleted, disabled, description, labels, source, draft = row
    return FlowRevision(
        namespace=namespace,
        id=id,
        revision=revision,
        created_at=instant(created_at),
        deleted=bool(deleted),
        disabled=bool(disabled),
        description=description,
        source=source,
        draft=bool(draft),
        labels=tuple(Label(key, value) for key, value in decode_labels(labels).items()),
    )


def log_row(id: int, line: LogLine) -> Row:
    """For `add_log`."""
    return (
        id,
        line.execution_id,
        micros(line.at),
        line.level.severity,
        line.message,
        line.namespace,
        line.flow_id,
        line.task_id,
        line.task_run_id,
        line.attempt,
        line.thread,
        line.trigger_id,
    )


def line_of(row: Row) -> StoredLine:
    """From the columns of `add_log`, in its order."""
    (
        id,
        execution_id,
        at,
        severity,
        message,
        namespace,
        flow_id,
        task_id,
        task_run_id,
        attempt,
        thread,
        trigger_id,
    ) = row
    line = LogLine(
        execution_id=execution_id,
        namespace=namespace,
        flow_id=flow_id,
        at=instant(at),
        level=_LEVELS[severity],
        message=message,
        task_id=task_id,
        task_run_id=task_run_id,
        attempt=attempt,
        thread=thread,
        trigger_id=trigger_id,
    )
    return StoredLine(id, line)


def job_row(job: Job) -> Row:
    """For `put_job`."""
    return (
        job.task_run_id,
        job.execution_id,
        job.task_id,
        job.token,
        job.attempt,
        job.namespace,
        job.flow_id,
        job.revision,
        micros(job.created_at),
        job.after_execution,
        job.worker_id,
        micros_or_none(job.leased_until),
    )


def job_of(row: Row) -> Job:
    """From the columns of `claim_jobs`."""
    (
        task_run_id,
        execution_id,
        task_id,
        token,
        attempt,
        namespace,
        flow_id,
        revision,
        created_at,
        after_execution,
        worker_id,
        leased_until,
    ) = row[:12]
    return Job(
        task_run_id=task_run_id,
        execution_id=execution_id,
        task_id=task_id,
        token=token,
        attempt=attempt,
        namespace=namespace,
        flow_id=flow_id,
        revision=revision,
        created_at=instant(created_at),
        after_execution=bool(after_execution),
        worker_id=worker_id,
        leased_until=instant_or_none(leased_until),
    )


def timer_row(timer: Timer) -> Row:
    """For `put_timer`."""
    return (timer.execution_id, timer.task_run_id or "", timer.timer, micros(timer.at), timer.token)


def timer_of(row: Row) -> Timer:
    """From the columns of `all_timers`."""
    execution_id, task_run_id, timer, at, token = row
    return Timer(
        execution_id=execution_id, task_run_id=task_run_id or None, timer=timer, at=instant(at), token=token
    )


def kv_row(entry: KvEntry) -> Row:
    """For `put_kv`."""
    return (
        entry.namespace,
        entry.key,
        entry.type.value,
        encode(entry.value).decode(),
        entry.description,
        entry.version,
        micros(entry.created_at),
        micros(entry.updated_at),
        micros_or_none(entry.expires_at),
    )


def kv_of(row: Row) -> KvEntry:
    """From the columns of `kv_entry`."""
    namespace, key, type, value, description, version, created_at, updated_at, expires_at = row
    return KvEntry(
        namespace=namespace,
        key=key,
        type=KvType(type),
        value=msgspec.json.decode(value),
        description=description,
        version=version,
        created_at=instant(created_at),
        updated_at=instant(updated_at),
        expires_at=instant_or_none(expires_at),
    )


def kv_version_of(row: Row) -> KvVersion:
    """From the columns of `all_kv_versions`."""
    namespace, key, version, updated_at, expires_at, is_present = row
    return KvVersion(
        namespace, key, version, instant(updated_at), instant_or_none(expires_at), bool(is_present)
    )


def secret_row(secret: StoredSecret) -> Row:
    """For `put_secret`."""
    return (
        secret.namespace,
        secret.key,
        secret.value,
        secret.description,
        encode(secret.tags).decode(),
        micros(secret.updated_at),
    )


def secret_of(row: Row) -> StoredSecret:
    """From the columns of `secret`."""
    namespace, key, value, description, tags, updated_at = row
    return StoredSecret(
        namespace=namespace,
        key=key,
        value=value,
        updated_at=instant(updated_at),
        description=description,
        tags=decode_labels(tags),
    )


def metric_row(metric: Metric) -> Row:
    """For `add_metric`."""
    return (metric.execution_id, metric.task_id, metric.task_run_id, encode(metric))


def trigger_values(record: TriggerRecord) -> Row:
    """What `add_trigger` writes behind the key, and `change_trigger` before it."""
    next_at = micros_or_none(record.next_at)
    is_held = record.is_locked or record.disabled or record.held
    return (
        record.kind.value,
        next_at,
        micros_or_none(record.triggered_at),
        micros(record.updated_at),
        micros_or_none(record.date),
        record.execution_id,
        record.disabled,
        record.is_locked,
        None if is_held else next_at,
        record.version,
        encode(record),
    )


def trigger_job_row(job: TriggerJob) -> Row:
    """For `put_trigger_job`."""
    # The token of a trigger's first job: the instant, so that it never comes again after the row is gone.
    return (*job.key, job.revision, micros(job.since), micros(job.since))


def trigger_job_of(row: Row) -> TriggerJob:
    """A row of `trigger_jobs`."""
    namespace, flow_id, trigger_id, revision, since, token, worker_id, leased_until = row
    return TriggerJob(
        namespace=namespace,
        flow_id=flow_id,
        trigger_id=trigger_id,
        revision=revision,
        since=instant(since),
        token=token,
        worker_id=worker_id,
        leased_until=instant_or_none(leased_until),
    )


def firing_row(firing: Firing) -> Row:
    """For `add_firing`."""
    return (
        firing.namespace,
        firing.flow_id,
        firing.trigger_id,
        firing.occasion,
        micros(firing.at),
        firing.execution_id,
    )


def window_row(window: Window) -> Row:
    """For `put_window`."""
    return (window.namespace, window.flow_id, window.name, encode(window))

"""Log lines, metrics and key-value entries as the contract shows them (API spec §10, §11, §13)."""

from __future__ import annotations

from typing import Any

from batuta import iso8601
from batuta.model.records import KvEntry, LogLine, Metric, MetricKind
from batuta.secrets.port import SecretName

Json = dict[str, Any]


def log_line(line: LogLine) -> Json:
    """One line of a log."""
    shape: Json = {"namespace": line.namespace, "flowId": line.flow_id}
    if line.task_id is not None:
        shape["taskId"] = line.task_id
    if line.execution_id:  # a line of a trigger's own log belongs to no execution
        shape["executionId"] = line.execution_id
    if line.task_run_id is not None:
        shape["taskRunId"] = line.task_run_id
    if line.attempt is not None:
        shape["attemptNumber"] = line.attempt
    if line.trigger_id is not None:
        shape["triggerId"] = line.trigger_id
    shape["timestamp"] = line.at
    shape["level"] = line.level
    if line.thread is not None:
        shape["thread"] = line.thread
    shape["message"] = line.message
    shape["deleted"] = False
    return shape


def log_text(line: LogLine) -> str:
    """One line of a downloaded log."""
    return f"{iso8601.format_instant(line.at)} {line.level} {line.message}\n"


def metric(entry: Metric) -> Json:
    """One measurement; timers are told in milliseconds."""
    value = entry.value * 1000 if entry.kind is MetricKind.TIMER else entry.value
    return {
        "namespace": entry.namespace,
        "flowId": entry.flow_id,
        "taskId": entry.task_id,
        "executionId": entry.execution_id,
        "taskRunId": entry.task_run_id,
        "type": entry.kind,
        "name": entry.name,
        "value": value,
        "timestamp": entry.at,
        "tags": entry.tags,
        "deleted": False,
    }


def secret(name: SecretName) -> Json:
    """What may be told of a secret; one without a namespace is of the environment."""
    shape: Json = {"key": name.key}
    if name.namespace is not None:
        shape["namespace"] = name.namespace
    if name.description is not None:
        shape["description"] = name.description
    shape["tags"] = [{"key": key, "value": value} for key, value in name.tags.items()]
    return shape


def kv_value(entry: KvEntry) -> Json:
    """A value with its type."""
    return {"type": entry.type, "value": entry.value, "revision": entry.version, "updated": entry.updated_at}


def kv_entry(entry: KvEntry) -> Json:
    """An entry without its value."""
    shape: Json = {
        "namespace": entry.namespace,
        "key": entry.key,
        "revision": entry.version,
        "version": entry.version,
    }
    if entry.description is not None:
        shape["description"] = entry.description
    shape["creationDate"] = entry.created_at
    shape["updateDate"] = entry.updated_at
    if entry.expires_at is not None:
        shape["expirationDate"] = entry.expires_at
    return shape

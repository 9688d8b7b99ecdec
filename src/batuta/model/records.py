"""What attempts leave behind: log lines, metrics and key-value entries."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from batuta.model.task import LogLevel


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a log."""

    execution_id: str
    namespace: str
    flow_id: str
    at: datetime
    level: LogLevel
    message: str
    task_id: str | None = None
    task_run_id: str | None = None
    attempt: int | None = None
    """Number of the attempt from 0; None for lines of the execution itself."""
    thread: str | None = None
    trigger_id: str | None = None


class MetricKind(StrEnum):
    """How values of a metric add up."""

    COUNTER = "counter"
    TIMER = "timer"
    GAUGE = "gauge"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement that a task reported. A timer's value is in seconds."""

    execution_id: str
    namespace: str
    flow_id: str
    task_id: str
    task_run_id: str
    name: str
    kind: MetricKind
    value: float
    at: datetime
    tags: dict[str, str] = {}


class KvType(StrEnum):
    """Type of a key-value entry."""

    STRING = "STRING"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"
    DATETIME = "DATETIME"
    DATE = "DATE"
    DURATION = "DURATION"
    JSON = "JSON"


class KvEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a namespace. `value` is JSON data; date and duration values are ISO 8601 text."""

    namespace: str
    key: str
    type: KvType
    value: Any
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    description: str | None = None
    version: int = 1


class KvVersion(msgspec.Struct, frozen=True):
    """One version of an entry, without its value."""

    namespace: str
    key: str
    version: int
    updated_at: datetime
    expires_at: datetime | None
    is_present: bool
    """The newest version of a key that was not removed."""


class StoredSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret of a namespace as it is kept: `value` is encrypted."""

    namespace: str
    key: str
    value: str
    updated_at: datetime
    description: str | None = None
    tags: dict[str, str] = {}

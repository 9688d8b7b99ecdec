"""A task in document form: the common properties typed, its own properties as written, and its children.

A task's own properties hold templates; they get their types when they are rendered, just before the task runs
(`plugin/forms.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec


class LogLevel(StrEnum):
    """How much a log line matters, least first."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"

    @property
    def severity(self) -> int:
        """0 for TRACE up to 4 for ERROR."""
        return _SEVERITY[self]


_SEVERITY = {level: rank for rank, level in enumerate(LogLevel)}


class RetryKind(StrEnum):
    """How the interval between attempts grows."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"
    RANDOM = "random"


class RetryBehavior(StrEnum):
    """What a retry repeats."""

    RETRY_FAILED_TASK = "RETRY_FAILED_TASK"
    CREATE_NEW_EXECUTION = "CREATE_NEW_EXECUTION"


class RetryPolicy(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """When a failed task is tried again (flow spec §12). Durations are ISO 8601 text, checked when the flow
    is read."""

    type: RetryKind
    interval: str | None = None
    max_interval: str | None = None
    min_interval: str | None = None
    delay_factor: float = 2.0
    max_attempts: int | None = None
    max_duration: str | None = None
    warning_on_retry: bool = False
    behavior: RetryBehavior = RetryBehavior.RETRY_FAILED_TASK


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One declared step of a flow (flow spec §4)."""

    id: str
    type: str
    """The canonical type name; aliases are resolved when the flow is read."""
    written_type: str
    """The type name as the author wrote it."""
    description: str | None = None
    when: str | None = None
    """The condition under which the task runs (`when`, formerly `runIf`); a template, or None for always."""
    disabled: bool = False
    timeout: str | None = None
    """The most time of one attempt: an ISO 8601 duration or a template that renders to one."""
    retry: RetryPolicy | None = None
    allow_failure: bool = False
    allow_warning: bool = False
    log_level: LogLevel | None = None
    """Lines below this level are not kept; None keeps all."""
    log_to_file: bool = False
    depends_on: tuple[str, ...] = ()
    """Ids of sibling tasks that must have ended first; only children of a Dag have any."""
    properties: dict[str, Any] = {}
    """The task's own properties as written, without its children."""
    branches: dict[str, tuple[Task, ...]] = {}
    """Lists of child tasks by name: `tasks`, `errors`, `finally`, `then`, `else`, `defaults`, `onPause`, and
    `cases.<key>` for each case of a Switch."""
    conditions: tuple[dict[str, Any], ...] = ()
    """Conditions of the old `listeners` around it, as written: it runs only if they hold when the execution
    has ended."""
    common: dict[str, Any] = {}
    """Common properties that are carried but have no rule of their own here: `taskCache`, `workerGroup`,
    `assets` ..."""

    def walk(self) -> Iterator[Task]:
        """This task and all below it, parents first."""
        yield self
        for branch in self.branches.values():
            for child in branch:
                yield from child.walk()

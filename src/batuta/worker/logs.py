"""The log and the measurements of one attempt: filtered by level, masked, cut, handed to the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from batuta.clock import Clock
from batuta.model.execution import Execution
from batuta.model.records import LogLine, Metric, MetricKind
from batuta.model.task import LogLevel
from batuta.plugin.reporting import Kinds, Levels
from batuta.worker.journal import Journal

Mask = Callable[[str], str]


class Sink(Protocol):
    """What takes lines: the journal, or the file of a task that wants its log in one."""

    def add(self, line: LogLine) -> None:
        """Take a line."""


class AttemptLog(Levels):
    """Where an attempt's lines go. May be written to from any thread."""

    def __init__(
        self,
        sink: Sink,
        clock: Clock,
        execution: Execution,
        *,
        task_id: str,
        task_run_id: str,
        attempt: int,
        least: LogLevel | None,
        most_bytes: int,
        call_soon: Callable[..., object],
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._least = 0 if least is None else least.severity
        self._most_bytes = most_bytes
        self._home = threading.get_ident()
        self._call_soon = call_soon
        self.mask: Mask = _unmasked
        self._line = LogLine(
            execution_id=execution.id,
            namespace=execution.namespace,
            flow_id=execution.flow_id,
            at=clock.now(),
            level=LogLevel.INFO,
            message="",
            task_id=task_id,
            task_run_id=task_run_id,
            attempt=attempt,
        )

    def write(self, level: LogLevel, message: str) -> None:
        """Add a line."""
        if level.severity < self._least:
            return
        # Masked before it is cut: half a secret is not known as one.
        message = _cut(self.mask(message), self._most_bytes)
        line = msgspec.structs.replace(self._line, at=self._clock.now(), level=level, message=message)
        if threading.get_ident() == self._home:
            self._sink.add(line)
        else:
            self._call_soon(self._sink.add, line)


class AttemptMetrics(Kinds):
    """Where an attempt's measurements go. May be used from any thread."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        execution: Execution,
        *,
        task_id: str,
        task_run_id: str,
        call_soon: Callable[..., object],
        log: AttemptLog,
    ) -> None:
        self._journal = journal
        self._log = log
        self._clock = clock
        self._execution = execution
        self._task_id = task_id
        self._task_run_id = task_run_id
        self._home = threading.get_ident()
        self._call_soon = call_soon

    def measure(self, kind: MetricKind, name: str, value: float, tags: dict[str, str]) -> None:
        """Report a value."""
        metric = Metric(
            execution_id=self._execution.id,
            namespace=self._execution.namespace,
            flow_id=self._execution.flow_id,
            task_id=self._task_id,
            task_run_id=self._task_run_id,
            name=self._log.mask(name),
            kind=kind,
            value=float(value),
            at=self._clock.now(),
            tags={self._log.mask(key): self._log.mask(text) for key, text in tags.items()},
        )
        if threading.get_ident() == self._home:
            self._journal.measure(metric)
        else:
            self._call_soon(self._journal.measure, metric)


def _unmasked(text: str) -> str:
    return text


def _cut(message: str, most_bytes: int) -> str:
    """The message, or its beginning and how much is missing."""
    if len(message) * 4 <= most_bytes or (length := len(message.encode())) <= most_bytes:
        return message
    kept = message.encode()[:most_bytes].decode("utf-8", "ignore")
    return f"{kept} ... {length - most_bytes} more bytes"

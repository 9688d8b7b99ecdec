"""The log and the measurements of one attempt: filtered by level, masked, cut, handed to the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import msgspec

from batuta.clock import Clock
from batuta.model.execution import Execution
from batuta.model.records import LogLine, Metric, MetricKind
from batuta.model.task import LogLevel
from batuta.worker.journal import Journal

Mask = Callable[[str], str]


class AttemptLog:
    """Where an attempt's lines go. May be written to from any thread."""

    def __init__(
        self,
        journal: Journal,
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
        self._journal = journal
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
        message = self.mask(_cut(message, self._most_bytes))
        line = msgspec.structs.replace(self._line, at=self._clock.now(), level=level, message=message)
        if threading.get_ident() == self._home:
            self._journal.add(line)
        else:
            self._call_soon(self._journal.add, line)

    def trace(self, message: str) -> None:
        """Add a line at TRACE."""
        self.write(LogLevel.TRACE, message)

    def debug(self, message: str) -> None:
        """Add a line at DEBUG."""
        self.write(LogLevel.DEBUG, message)

    def info(self, message: str) -> None:
        """Add a line at INFO."""
        self.write(LogLevel.INFO, message)

    def warn(self, message: str) -> None:
        """Add a line at WARN."""
        self.write(LogLevel.WARN, message)

    def error(self, message: str) -> None:
        """Add a line at ERROR."""
        self.write(LogLevel.ERROR, message)


class AttemptMetrics:
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
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._execution = execution
        self._task_id = task_id
        self._task_run_id = task_run_id
        self._home = threading.get_ident()
        self._call_soon = call_soon

    def count(self, name: str, value: float = 1, **tags: str) -> None:
        """Add to a counter."""
        self._report(MetricKind.COUNTER, name, value, tags)

    def time(self, name: str, value: timedelta, **tags: str) -> None:
        """Report a duration."""
        self._report(MetricKind.TIMER, name, value.total_seconds(), tags)

    def gauge(self, name: str, value: float, **tags: str) -> None:
        """Report a level."""
        self._report(MetricKind.GAUGE, name, value, tags)

    def _report(self, kind: MetricKind, name: str, value: float, tags: dict[str, str]) -> None:
        metric = Metric(
            execution_id=self._execution.id,
            namespace=self._execution.namespace,
            flow_id=self._execution.flow_id,
            task_id=self._task_id,
            task_run_id=self._task_run_id,
            name=name,
            kind=kind,
            value=float(value),
            at=self._clock.now(),
            tags=tags,
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

"""The many ways to say one thing: levels of a log and kinds of a metric, over one method each."""

from __future__ import annotations

from datetime import timedelta

from batuta.model.records import MetricKind
from batuta.model.task import LogLevel


class Levels:
    """A `TaskLog` over `write`."""

    def write(self, level: LogLevel, message: str) -> None:
        """Add a line."""
        raise NotImplementedError

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


class Kinds:
    """A `TaskMetrics` over `measure`."""

    def measure(self, kind: MetricKind, name: str, value: float, tags: dict[str, str]) -> None:
        """Report a value; a timer's is in seconds."""
        raise NotImplementedError

    def count(self, name: str, value: float = 1, **tags: str) -> None:
        """Add to a counter."""
        self.measure(MetricKind.COUNTER, name, value, tags)

    def time(self, name: str, value: timedelta, **tags: str) -> None:
        """Report a duration."""
        self.measure(MetricKind.TIMER, name, value.total_seconds(), tags)

    def gauge(self, name: str, value: float, **tags: str) -> None:
        """Report a level."""
        self.measure(MetricKind.GAUGE, name, value, tags)

"""What a script says: messages for the program, everything else for the log (plugins spec B3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from batuta import iso8601
from batuta.model.task import LogLevel
from batuta.plugin.context import RunContext


class Message(msgspec.Struct):
    """One `::{...}::` line."""

    outputs: dict[str, Any] | None = None
    metrics: list[dict[str, Any]] | None = None
    logs: list[dict[str, Any]] | None = None


_DECODER = msgspec.json.Decoder(Message)


class Listener:
    """Takes the lines of a script's output in order. Attributes: what the script has said so far."""

    def __init__(self, ctx: RunContext) -> None:
        self._ctx = ctx
        self.vars: dict[str, Any] = {}
        self.stdout_lines = 0
        self.stderr_lines = 0

    def stdout(self, line: str) -> None:
        """A line of standard output."""
        self.stdout_lines += 1
        if not self._is_message(line):
            self._ctx.log.info(line)

    def stderr(self, line: str) -> None:
        """A line of standard error; it changes nothing about the task's state."""
        self.stderr_lines += 1
        if not self._is_message(line):
            self._ctx.log.error(line)

    def _is_message(self, line: str) -> bool:
        if not (line.startswith("::{") and line.endswith("}::") and len(line) >= 6):
            return False
        body = line[2:-2]
        try:
            message = _DECODER.decode(body)
            metrics = [_metric(each) for each in message.metrics or ()]
            logs = [
                (LogLevel(str(each["level"]).upper()), str(each["message"])) for each in message.logs or ()
            ]
        except (msgspec.DecodeError, msgspec.ValidationError, KeyError, ValueError, TypeError, OverflowError):
            self._ctx.log.warn(f"Invalid outputs '{body}'")
            return True
        self.vars |= message.outputs or {}
        for kind, name, value, tags in metrics:
            match kind:
                case "counter":
                    self._ctx.metrics.count(name, value, **tags)
                case "gauge":
                    self._ctx.metrics.gauge(name, value, **tags)
                case _:
                    self._ctx.metrics.time(name, timedelta(seconds=value), **tags)
        for level, text in logs:
            self._ctx.log.write(level, text)
        return True


def _metric(given: dict[str, Any]) -> tuple[str, str, float, dict[str, str]]:
    kind, value = given["type"], given["value"]
    if kind not in ("counter", "gauge", "timer"):
        raise ValueError(f"`{kind}` is not a kind of metric")
    if kind == "timer" and isinstance(value, str):
        value = iso8601.parse_duration(value).total_seconds()
    tags = {str(name): str(tag) for name, tag in (given.get("tags") or {}).items()}
    return kind, str(given["name"]), float(value), tags

"""The older way to write to the log."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.model.task import LogLevel
from batuta.plugin.context import InlineContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import InlineTask


@plugin("io.kestra.plugin.core.debug.Echo")
class Echo(InlineTask):
    """Write a line to the log; `core.log.Log` does the same.

    ```yaml
    id: echo
    type: io.kestra.plugin.core.debug.Echo
    format: "Working on {{ inputs.day }}"
    ```
    """

    format: Annotated[str, Meta(description="The line.")]
    level: Annotated[LogLevel, Meta(description="Level of the line.")] = LogLevel.INFO

    def compute(self, ctx: InlineContext) -> None:
        """Write the line."""
        ctx.log.write(self.level, self.format)

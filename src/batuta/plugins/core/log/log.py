"""Lines in the log of an execution."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.model.task import LogLevel
from batuta.plugin.context import InlineContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import InlineTask


@plugin("io.kestra.plugin.core.log.Log")
class Log(InlineTask):
    """Write to the log of the execution. The level changes nothing about the task's state.

    ```yaml
    id: hello
    type: io.kestra.plugin.core.log.Log
    message: "Hello, {{ inputs.name }}!"
    level: WARN
    ```
    """

    message: Annotated[list[str] | str, Meta(description="One entry, or a list of entries.")]
    level: Annotated[LogLevel, Meta(description="Level of the entries.")] = LogLevel.INFO

    def compute(self, ctx: InlineContext) -> None:
        """Write each entry."""
        for message in [self.message] if isinstance(self.message, str) else self.message:
            ctx.log.write(self.level, message)

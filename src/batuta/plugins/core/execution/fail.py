"""A deliberate failure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.errors import TaskError
from batuta.expr import is_truthy_text
from batuta.plugin.context import InlineContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import InlineTask


@plugin("io.kestra.plugin.core.execution.Fail")
class Fail(InlineTask):
    """Fail, always or under a condition.

    ```yaml
    id: guard
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ inputs.rows < 1 }}"
    errorMessage: There is nothing to load
    ```
    """

    condition: Annotated[
        str | None, Meta(description="Fail only when this is true; absent means always.")
    ] = None
    error_message: Annotated[str, Meta(description="What the log says.")] = "Task failure"

    def compute(self, ctx: InlineContext) -> None:
        """Fail, or not."""
        if self.condition is None:
            raise TaskError(self.error_message)
        if is_truthy_text(self.condition):
            ctx.log.error(self.error_message)
            raise TaskError("Fail on a condition")

"""Conditions that must hold."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.errors import TaskError
from batuta.expr import ExpressionError, is_truthy_text
from batuta.plugin.context import InlineContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import InlineTask, Template


@plugin("io.kestra.plugin.core.execution.Assert")
class Assert(InlineTask):
    """Check conditions; fail when one does not hold.

    ```yaml
    id: check
    type: io.kestra.plugin.core.execution.Assert
    conditions:
      - "{{ inputs.rows > 0 }}"
      - "{{ inputs.region == 'eu' }}"
    ```
    """

    conditions: Annotated[list[Template], Meta(description="Expressions; each must be true.")]
    error_message: Annotated[str | None, Meta(description="Added to the message of the failure.")] = None

    def compute(self, ctx: InlineContext) -> None:
        """Check each; an expression that cannot be rendered does not hold."""
        # All are rendered before anything is logged: a missing outside value makes the host begin anew.
        broken = [condition for condition in self.conditions if not self._holds(condition, ctx)]
        for condition in broken:
            ctx.log.error(f"Assertion `{condition}` failed!")
        ctx.metrics.count("failed", len(broken))
        ctx.metrics.count("success", len(self.conditions) - len(broken))
        if broken:
            message = f"{len(broken)} assertion(s) failed!"
            raise TaskError(f"{message}\n{self.error_message}" if self.error_message else message)

    def _holds(self, condition: Template, ctx: InlineContext) -> bool:
        try:
            return is_truthy_text(ctx.render(condition))
        except ExpressionError:
            return False

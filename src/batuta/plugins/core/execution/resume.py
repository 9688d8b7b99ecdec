"""A paused execution goes on."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin("io.kestra.plugin.core.execution.Resume")
class Resume(RunnableTask):
    """Resume an execution that is paused.

    ```yaml
    id: go_on
    type: io.kestra.plugin.core.execution.Resume
    executionId: "{{ trigger.executionId }}"
    ```
    """

    execution_id: Annotated[str | None, Meta(description="Which one; the running one without it.")] = None
    namespace: Annotated[str | None, Meta(description="Its namespace; this one's without it.")] = None
    flow_id: Annotated[str | None, Meta(description="Its flow; accepted.")] = None
    inputs: Annotated[dict[str, Any], Meta(description="Values of the inputs that its pause asks for.")] = {}

    async def run(self, ctx: RunContext) -> None:
        """Ask for it."""
        execution_id = self.execution_id or ctx.identity.execution_id
        await ctx.executions.resume(execution_id, self.inputs, self.namespace)

"""A paused execution of a server goes on."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.converters import as_text
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import InstanceTask, opened


@plugin("io.kestra.plugin.kestra.executions.Resume")
class Resume(InstanceTask):
    """Resume an execution that is paused.

    ```yaml
    id: go_on
    type: io.kestra.plugin.kestra.executions.Resume
    executionId: "{{ trigger.executionId }}"
    inputs:
      approved: true
    ```
    """

    execution_id: Annotated[str | None, Meta(description="Which one; the running one without it.")] = None
    namespace: Annotated[str | None, Meta(description="Its namespace; accepted.")] = None
    flow_id: Annotated[str | None, Meta(description="Its flow; accepted.")] = None
    inputs: Annotated[dict[str, Any], Meta(description="Values of the inputs that its pause asks for.")] = {}

    async def run(self, ctx: RunContext) -> None:
        """Ask for it."""
        execution_id = self.execution_id or ctx.identity.execution_id
        form = {name: (None, as_text(value).encode()) for name, value in self.inputs.items()}
        async with opened(ctx, self) as instance:
            await instance.call("POST", "executions", execution_id, "resume", files=form or None)

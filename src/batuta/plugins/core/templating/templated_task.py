"""A task that a template writes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin(
    "io.kestra.plugin.core.templating.TemplatedTask",
    aliases=("io.kestra.core.tasks.templating.TemplatedTask",),
)
class TemplatedTask(RunnableTask):
    """Run the task that a text describes once it is rendered; its outputs become those of this task.

    For properties that cannot hold an expression, and for tasks that other systems describe. The described
    task must be one that does work: neither one that arranges other tasks nor another templated one.

    ```yaml
    id: say
    type: io.kestra.plugin.core.templating.TemplatedTask
    spec: |
      type: io.kestra.plugin.core.log.Log
      message: "{{ inputs.greeting }}"
    ```
    """

    spec: Annotated[str, Meta(description="YAML text of a task.")]

    async def run(self, ctx: RunContext) -> dict[str, Any] | None:
        """Run the described task."""
        outputs: dict[str, Any] | None = await ctx.run_document(self.spec)
        return outputs

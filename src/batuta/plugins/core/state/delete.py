"""Removing a state."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.state.states import missing, state_key


@plugin("io.kestra.plugin.core.state.Delete")
class Delete(RunnableTask):
    """Forget a state. New flows use the key-value store instead.

    ```yaml
    id: forget
    type: io.kestra.plugin.core.state.Delete
    name: progress
    ```
    """

    name: Annotated[str, Meta(description="Name of the state.")] = "default"
    namespace: Annotated[bool, Meta(description="Share the state with all flows of the namespace.")] = False
    taskrun_value: Annotated[bool, Meta(description="One state for each value of a loop.")] = True
    error_on_missing: Annotated[bool, Meta(description="Fail when there is no such state.")] = False

    class Output(task.Output, frozen=True):
        """What happened."""

        deleted: Annotated[bool, Meta(description="There was such a state.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove it."""
        key = state_key(ctx, self.name, of_namespace=self.namespace, by_value=self.taskrun_value)
        deleted = await ctx.kv.delete(key)
        if not deleted and self.error_on_missing:
            raise missing(self.name)
        return self.Output(deleted=deleted)

"""Reading a state."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.state.states import missing, read_state, state_key


@plugin("io.kestra.plugin.core.state.Get")
class Get(RunnableTask):
    """Read what an earlier execution has set. New flows use the key-value store instead.

    ```yaml
    id: recall
    type: io.kestra.plugin.core.state.Get
    name: progress
    ```
    """

    name: Annotated[str, Meta(description="Name of the state.")] = "default"
    namespace: Annotated[bool, Meta(description="Share the state with all flows of the namespace.")] = False
    taskrun_value: Annotated[bool, Meta(description="One state for each value of a loop.")] = True
    error_on_missing: Annotated[bool, Meta(description="Fail when there is no such state.")] = False

    class Output(task.Output, frozen=True):
        """The state."""

        count: Annotated[int, Meta(description="Number of its members.")]
        data: Annotated[dict[str, Any], Meta(description="Its members; none when there is no state.")]

    async def run(self, ctx: RunContext) -> Output:
        """Read it."""
        key = state_key(ctx, self.name, of_namespace=self.namespace, by_value=self.taskrun_value)
        state = await read_state(ctx, key)
        if state is None and self.error_on_missing:
            raise missing(self.name)
        return self.Output(count=len(state or {}), data=state or {})

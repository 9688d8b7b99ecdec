"""Writing a state."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.state.states import merged, read_state, state_key, write_state


@plugin("io.kestra.plugin.core.state.Set")
class Set(RunnableTask):
    """Remember something for later executions, merged into what is there.

    New flows use the key-value store instead.

    ```yaml
    id: remember
    type: io.kestra.plugin.core.state.Set
    name: progress
    data:
      last: "{{ execution.startDate }}"
    ```
    """

    name: Annotated[str, Meta(description="Name of the state.")] = "default"
    namespace: Annotated[bool, Meta(description="Share the state with all flows of the namespace.")] = False
    taskrun_value: Annotated[bool, Meta(description="One state for each value of a loop.")] = True
    data: Annotated[dict[str, Any], Meta(description="What to add to the state.")] = {}

    class Output(task.Output, frozen=True):
        """The state."""

        count: Annotated[int, Meta(description="Number of its members.")]
        key: Annotated[str, Meta(description="Key of its entry in the key-value store.")]

    async def run(self, ctx: RunContext) -> Output:
        """Merge and write."""
        key = state_key(ctx, self.name, of_namespace=self.namespace, by_value=self.taskrun_value)
        state = merged(await read_state(ctx, key) or {}, self.data)
        await write_state(ctx, key, state)
        return self.Output(count=len(state), key=key)

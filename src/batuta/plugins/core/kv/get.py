"""Reading a key-value entry."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.kv.missing import missing


@plugin("io.kestra.plugin.core.kv.Get")
class Get(RunnableTask):
    """Read a key; the flow's namespace inherits the keys of its parents.

    ```yaml
    id: recall
    type: io.kestra.plugin.core.kv.Get
    key: last_run
    ```
    """

    key: Annotated[str, Meta(description="The key.")]
    namespace: Annotated[str | None, Meta(description="Where the key is; by default with the flow.")] = None
    error_on_missing: Annotated[bool, Meta(description="Fail when the key does not exist.")] = False

    class Output(task.Output, frozen=True):
        """The entry."""

        value: Annotated[Any, Meta(description="The value; absent when there is none.")] = None

    async def run(self, ctx: RunContext) -> Output:
        """Read the value."""
        value = await ctx.kv.get(self.key, self.namespace)
        if value is None and self.error_on_missing:
            namespace = self.namespace or ctx.identity.namespace
            raise TaskError(
                missing(self.key, namespace),
                mend="set the key first, or leave out `errorOnMissing`",
            )
        return self.Output(value=value)

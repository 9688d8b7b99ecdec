"""Removing a key-value entry."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.kv.missing import missing


@plugin("io.kestra.plugin.core.kv.Delete")
class Delete(RunnableTask):
    """Remove a key.

    ```yaml
    id: forget
    type: io.kestra.plugin.core.kv.Delete
    key: last_run
    ```
    """

    key: Annotated[str, Meta(description="The key.")]
    namespace: Annotated[str | None, Meta(description="Where the key is; by default with the flow.")] = None
    error_on_missing: Annotated[bool, Meta(description="Fail when the key does not exist.")] = False

    class Output(task.Output, frozen=True):
        """What happened."""

        deleted: Annotated[bool, Meta(description="There was such a key.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove the key."""
        deleted = await ctx.kv.delete(self.key, self.namespace)
        if not deleted and self.error_on_missing:
            namespace = self.namespace or ctx.identity.namespace
            raise TaskError(missing(self.key, namespace))
        return self.Output(deleted=deleted)

"""Listing keys."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin("io.kestra.plugin.core.kv.GetKeys")
class GetKeys(RunnableTask):
    """List the keys of a namespace, without those of its parents.

    ```yaml
    id: keys
    type: io.kestra.plugin.core.kv.GetKeys
    prefix: state_
    ```
    """

    prefix: Annotated[str, Meta(description="How the keys begin.")] = ""
    namespace: Annotated[
        str | None, Meta(description="Whose keys; by default those of the flow's namespace.")
    ] = None

    class Output(task.Output, frozen=True):
        """The keys."""

        keys: Annotated[list[str], Meta(description="Keys that have not expired, sorted.")]

    async def run(self, ctx: RunContext) -> Output:
        """List them."""
        return self.Output(keys=await ctx.kv.keys(self.prefix, self.namespace))

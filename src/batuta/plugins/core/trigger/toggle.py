"""Switches triggers on and off."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin(
    "io.kestra.plugin.core.trigger.Toggle",
    aliases=("io.kestra.core.tasks.trigger.Toggle",),
)
class Toggle(RunnableTask):
    """Switch a trigger of a flow on or off.

    ```yaml
    id: stop
    type: io.kestra.plugin.core.trigger.Toggle
    flowId: load
    trigger: mornings
    enabled: false
    ```
    """

    trigger: Annotated[str, Meta(description="Id of the trigger.")]
    namespace: Annotated[str | None, Meta(description="Namespace of the flow; this one's without it.")] = None
    flow_id: Annotated[str | None, Meta(description="Id of the flow; this one without it.")] = None
    enabled: Annotated[bool, Meta(description="On or off.")] = False

    async def run(self, ctx: RunContext) -> None:
        """Write the record."""
        namespace = self.namespace or ctx.identity.namespace
        flow_id = self.flow_id or ctx.identity.flow_id
        await ctx.triggers.switch(namespace, flow_id, self.trigger, on=self.enabled)

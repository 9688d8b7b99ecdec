"""Switches triggers of a server on and off."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import InstanceTask, Refused, opened

_NO_SUCH_ROUTE = (404, 405)


@plugin("io.kestra.plugin.kestra.triggers.Toggle")
class Toggle(InstanceTask):
    """Switch a trigger of a flow on or off.

    ```yaml
    id: stop
    type: io.kestra.plugin.kestra.triggers.Toggle
    flowId: load
    trigger: mornings
    enabled: false
    ```
    """

    trigger: Annotated[str, Meta(min_length=1, description="Id of the trigger.")]
    namespace: Annotated[str | None, Meta(description="Namespace of the flow; this one's without it.")] = None
    flow_id: Annotated[str | None, Meta(description="Id of the flow; this one without it.")] = None
    enabled: Annotated[bool, Meta(description="On or off.")] = False

    async def run(self, ctx: RunContext) -> None:
        """Ask for it, in the words of an older server where the newer ones are not known."""
        state = {
            "namespace": self.namespace or ctx.identity.namespace,
            "flowId": self.flow_id or ctx.identity.flow_id,
            "triggerId": self.trigger,
            "disabled": not self.enabled,
        }
        async with opened(ctx, self) as instance:
            try:
                await instance.call("PUT", "triggers", "set-disabled", json=state)
            except Refused as error:
                if self.manages_own or error.status not in _NO_SUCH_ROUTE:
                    raise
                await instance.call("PUT", "triggers", json=state)

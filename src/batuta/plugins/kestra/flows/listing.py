"""The flows of a namespace."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import InstanceTask, opened


@plugin("io.kestra.plugin.kestra.flows.List")
class List(InstanceTask):
    """List the flows of a namespace.

    ```yaml
    id: flows
    type: io.kestra.plugin.kestra.flows.List
    namespace: company.team
    ```
    """

    namespace: Annotated[str | None, Meta(description="Namespace; this one's without it.")] = None

    class Output(task.Output, frozen=True):
        """What there is."""

        flows: Annotated[list[dict[str, Any]], Meta(description="The flows, as the API shows them.")]

    async def run(self, ctx: RunContext) -> Output:
        """Ask for them."""
        async with opened(ctx, self) as instance:
            found = await instance.call("GET", "flows", self.namespace or ctx.identity.namespace)
        return self.Output(flows=found)

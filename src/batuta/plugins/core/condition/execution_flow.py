"""Executions of one flow."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin.condition import Condition, Occasion
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.ExecutionFlow",
    aliases=("io.kestra.plugin.core.condition.ExecutionFlowCondition",),
)
class ExecutionFlow(Condition):
    """The execution is one of a flow.

    ```yaml
    type: io.kestra.plugin.core.condition.ExecutionFlow
    namespace: company.team
    flowId: load
    ```
    """

    namespace: Annotated[str, Meta(description="Namespace of the flow.")]
    flow_id: Annotated[str, Meta(description="Id of the flow.")]

    def holds(self, on: Occasion) -> bool:
        """Compare both."""
        return on.upstream.namespace == self.namespace and on.upstream.flow_id == self.flow_id

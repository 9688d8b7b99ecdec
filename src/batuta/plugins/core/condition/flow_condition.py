"""Which flow has the trigger."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin.condition import Condition, Occasion
from batuta.plugin.registry import plugin


@plugin("io.kestra.plugin.core.condition.FlowCondition")
class FlowCondition(Condition):
    """The flow that has the trigger is this one.

    ```yaml
    type: io.kestra.plugin.core.condition.FlowCondition
    namespace: company.team
    flowId: load
    ```
    """

    namespace: Annotated[str, Meta(description="Namespace of the flow.")]
    flow_id: Annotated[str, Meta(description="Id of the flow.")]

    def holds(self, on: Occasion) -> bool:
        """Compare both."""
        return on.owner == (self.namespace, self.flow_id)


@plugin("io.kestra.plugin.core.condition.FlowNamespaceCondition")
class FlowNamespaceCondition(Condition):
    """The flow that has the trigger is in this namespace.

    ```yaml
    type: io.kestra.plugin.core.condition.FlowNamespaceCondition
    namespace: company
    prefix: true
    ```
    """

    namespace: Annotated[str, Meta(description="The namespace.")]
    prefix: Annotated[bool, Meta(description="It is enough that the namespace begins so.")] = False

    def holds(self, on: Occasion) -> bool:
        """Compare."""
        namespace = on.owner[0]
        return namespace.startswith(self.namespace) if self.prefix else namespace == self.namespace

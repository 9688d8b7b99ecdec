"""Executions of a namespace."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from batuta.plugin.condition import Condition, Occasion
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.ExecutionNamespace",
    aliases=("io.kestra.plugin.core.condition.ExecutionNamespaceCondition",),
)
class ExecutionNamespace(Condition):
    """The execution is one of a namespace.

    ```yaml
    type: io.kestra.plugin.core.condition.ExecutionNamespace
    namespace: company
    comparison: PREFIX
    ```
    """

    namespace: Annotated[str, Meta(description="What the namespace is compared with.")]
    comparison: Annotated[
        Literal["EQUALS", "PREFIX", "SUFFIX"] | None, Meta(description="How; EQUALS unless told otherwise.")
    ] = None
    prefix: Annotated[bool, Meta(description="Older way to say PREFIX.")] = False

    def holds(self, on: Occasion) -> bool:
        """Compare."""
        match self.comparison or ("PREFIX" if self.prefix else "EQUALS"):
            case "PREFIX":
                return on.upstream.namespace.startswith(self.namespace)
            case "SUFFIX":
                return on.upstream.namespace.endswith(self.namespace)
        return on.upstream.namespace == self.namespace

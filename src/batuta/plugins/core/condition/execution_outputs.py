"""What an execution gives."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin.condition import Condition, Occasion
from batuta.plugin.registry import plugin
from batuta.plugin.task import Template


@plugin(
    "io.kestra.plugin.core.condition.ExecutionOutputs",
    aliases=("io.kestra.plugin.core.condition.ExecutionOutputsCondition",),
)
class ExecutionOutputs(Condition):
    """An expression about `trigger.outputs` holds; it does not while the execution has no outputs.

    ```yaml
    type: io.kestra.plugin.core.condition.ExecutionOutputs
    expression: "{{ trigger.outputs.rows > 0 }}"
    ```
    """

    expression: Annotated[Template, Meta(description="Renders to true or false.")]

    def holds(self, on: Occasion) -> bool:
        """Render, if there is something to look at."""
        if not on.upstream.outputs:
            return False
        return (on.render(self.expression) or "").strip().lower() == "true"

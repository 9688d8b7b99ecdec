"""A rendered text that is neither blank nor `false`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin.condition import Condition, Occasion
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.Expression",
    aliases=(
        "io.kestra.plugin.core.condition.ExpressionCondition",
        "io.kestra.plugin.core.condition.VariableCondition",
        "io.kestra.plugin.core.condition.Variable",
    ),
)
class Expression(Condition):
    """The expression renders to a text that is neither blank nor `false`.

    ```yaml
    type: io.kestra.plugin.core.condition.Expression
    expression: "{{ trigger.body.hello == 'world' }}"
    ```
    """

    expression: Annotated[str, Meta(description="What is rendered.")]

    def holds(self, on: Occasion) -> bool:
        """Look at the text."""
        text = self.expression.strip()
        return text not in ("", "false")

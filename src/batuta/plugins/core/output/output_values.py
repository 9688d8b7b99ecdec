"""Named values for later tasks."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import InlineContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import InlineTask


@plugin("io.kestra.plugin.core.output.OutputValues")
class OutputValues(InlineTask):
    """Give names to values, read later as `outputs.<task id>.values.<name>`.

    ```yaml
    id: summary
    type: io.kestra.plugin.core.output.OutputValues
    values:
      region: "{{ inputs.region }}"
      limits: [10, 20]
    ```
    """

    values: Annotated[
        dict[str, Any], Meta(description="Names and their values; numbers, lists and maps stay such.")
    ]

    class Output(task.Output, frozen=True):
        """The values."""

        values: Annotated[dict[str, Any], Meta(description="The values after rendering.")]

    def compute(self, ctx: InlineContext) -> Output:
        """Give the values back."""
        return self.Output(values=self.values)

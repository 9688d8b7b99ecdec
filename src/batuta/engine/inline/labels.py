"""Labels that a running execution gives itself (triggers-and-stores spec §A22)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta.engine.flowables.subflow import own_labels
from batuta.engine.inline.base import Update, UpdatingTask
from batuta.errors import TaskError
from batuta.model.execution import Execution
from batuta.model.labels import merged
from batuta.plugin.registry import plugin


@plugin("io.kestra.plugin.core.execution.Labels")
class Labels(UpdatingTask):
    """Add labels to the execution, or change those it has.

    ```yaml
    id: label
    type: io.kestra.plugin.core.execution.Labels
    labels:
      taxi: "{{ inputs.taxi }}"
    ```
    """

    labels: Annotated[
        dict[str, Any] | list[dict[str, Any]] | str,
        Meta(description="A map, a list of `{key, value}`, or text that is a JSON map."),
    ]

    def update(self, execution: Execution, variables: dict[str, Any]) -> Update:
        """Merge the labels over those of the execution."""
        return Update(labels=merged(execution.labels, own_labels(self._written())))

    def _written(self) -> dict[str, Any] | list[dict[str, Any]]:
        if not isinstance(self.labels, str):
            return self.labels
        try:
            return msgspec.json.decode(self.labels, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise TaskError(
                f"`labels` must be a map, a list of key and value, or a JSON map, but is `{self.labels[:80]}`"
            ) from None

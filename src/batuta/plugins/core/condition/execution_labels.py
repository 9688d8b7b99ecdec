"""Executions with some labels."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.errors import BatutaError
from batuta.plugin.condition import Condition, Occasion
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.ExecutionLabels",
    aliases=("io.kestra.plugin.core.condition.ExecutionLabelsCondition",),
)
class ExecutionLabels(Condition):
    """The execution has every one of the labels.

    ```yaml
    type: io.kestra.plugin.core.condition.ExecutionLabels
    labels:
      team: data
    ```
    """

    labels: Annotated[Any, Meta(description="A map, or a list of `key` and `value`.")]

    def holds(self, on: Occasion) -> bool:
        """Look for each."""
        return all(on.upstream.labels.get(key) == value for key, value in label_pairs(self.labels).items())


def label_pairs(labels: Any) -> dict[str, str]:
    """Labels in either of their forms as a map of text.

    Raises:
        BatutaError: they are in neither.
    """
    if isinstance(labels, list):
        labels = {each.get("key"): each.get("value") for each in labels if isinstance(each, dict)}
    if not isinstance(labels, dict):
        raise BatutaError("`labels` must be a map, or a list of `key` and `value`", where="labels")
    return {str(key): _text(value) for key, value in labels.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Measurements from a flow."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from batuta import iso8601
from batuta.errors import TaskError
from batuta.model.records import MetricKind
from batuta.plugin.context import InlineContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import InlineTask


class Measurement(msgspec.Struct, kw_only=True, rename="camel"):
    """One measurement."""

    name: Annotated[str, Meta(description="Name of the metric.")]
    value: Annotated[str, Meta(description="A number; of a timer also an ISO 8601 duration.")]
    type: Annotated[MetricKind, Meta(description="counter, timer or gauge.")] = MetricKind.COUNTER
    tags: Annotated[dict[str, str], Meta(description="Labels of the measurement.")] = {}


@plugin("io.kestra.plugin.core.metric.Publish")
class Publish(InlineTask):
    """Report measurements of the flow's own.

    ```yaml
    id: measure
    type: io.kestra.plugin.core.metric.Publish
    metrics:
      - name: rows
        type: counter
        value: "{{ inputs.rows }}"
        tags: {region: eu}
    ```
    """

    metrics: Annotated[list[Measurement], Meta(description="The measurements.")]

    def compute(self, ctx: InlineContext) -> None:
        """Report each."""
        for metric in self.metrics:
            match metric.type:
                case MetricKind.COUNTER:
                    ctx.metrics.count(metric.name, number(metric), **metric.tags)
                case MetricKind.GAUGE:
                    ctx.metrics.gauge(metric.name, number(metric), **metric.tags)
                case MetricKind.TIMER:
                    ctx.metrics.time(metric.name, duration(metric), **metric.tags)


def number(metric: Measurement) -> float:
    """The value of a counter or gauge."""
    try:
        return float(metric.value)
    except ValueError:
        raise TaskError(
            f"metric `{metric.name}`: the value must be a number, but is `{metric.value}`"
        ) from None


def duration(metric: Measurement) -> timedelta:
    """The value of a timer."""
    try:
        return iso8601.parse_duration(metric.value)
    except (ValueError, OverflowError):
        raise TaskError(
            f"metric `{metric.name}`: the value must be a duration such as PT1.5S or a number of seconds, "
            f"but is `{metric.value}`"
        ) from None

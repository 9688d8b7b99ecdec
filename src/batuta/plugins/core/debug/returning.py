"""A rendered value, to look at it."""

from __future__ import annotations

from datetime import timedelta
from time import perf_counter
from typing import Annotated

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import InlineContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import InlineTask


@plugin("io.kestra.plugin.core.debug.Return")
class Return(InlineTask):
    """Return a rendered value, mostly to look at it.

    ```yaml
    id: today
    type: io.kestra.plugin.core.debug.Return
    format: "{{ execution.startDate | date('yyyy-MM-dd') }}"
    ```
    """

    format: Annotated[str | None, Meta(description="The value to return.")] = None

    class Output(task.Output, frozen=True):
        """The value."""

        value: Annotated[str | None, Meta(description="`format` after rendering.")] = None

    def compute(self, ctx: InlineContext) -> Output:
        """Give the value back."""
        started = perf_counter()
        ctx.metrics.count("length", len(self.format or ""))
        ctx.metrics.time("duration", timedelta(seconds=perf_counter() - started))
        return self.Output(value=self.format)

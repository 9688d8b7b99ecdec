"""How many executions there were."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from batuta.errors import TaskError
from batuta.expr import is_truthy_text
from batuta.model.state import State
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask, Template


class CountedFlow(Struct, kw_only=True, rename="camel"):
    """A flow whose executions are counted."""

    namespace: Annotated[str, Meta(description="Namespace of the flow.")]
    flow_id: Annotated[str, Meta(description="Id of the flow.")]


class Counted(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How many executions of one flow or namespace there were."""

    namespace: Annotated[str, Meta(description="Namespace.")]
    flow_id: Annotated[str | None, Meta(description="Flow; absent where a namespace was counted.")] = None
    count: Annotated[int, Meta(description="How many.")]


@plugin(
    "io.kestra.plugin.core.execution.Count",
    aliases=("io.kestra.core.tasks.executions.Counts",),
)
class Count(RunnableTask):
    """Count executions of flows, and keep the counts that fit an expression.

    ```yaml
    id: missed
    type: io.kestra.plugin.core.execution.Count
    flows:
      - namespace: company.team
        flowId: nightly
    states: [SUCCESS]
    startDate: "{{ now() | dateAdd(-1, 'DAYS') }}"
    expression: "{{ count == 0 }}"
    ```
    """

    start_date: Annotated[datetime, Meta(description="Count executions that began at this time or later.")]
    expression: Annotated[
        Template, Meta(description="Keeps a count where this renders to `true`; sees `count`.")
    ]
    flows: Annotated[list[CountedFlow], Meta(description="Flows to count, each by itself.")] = []
    namespaces: Annotated[list[str], Meta(description="Namespaces to count, each by itself.")] = []
    states: Annotated[list[State], Meta(description="Only executions in these states.")] = []
    end_date: Annotated[datetime | None, Meta(description="... and at this time or before.")] = None

    class Output(task.Output, frozen=True):
        """The counts that were kept."""

        results: Annotated[list[Counted], Meta(description="One per flow or namespace.")]
        total: Annotated[int, Meta(description="Their sum.")]

    async def run(self, ctx: RunContext) -> Output:
        """Count and choose."""
        wanted: list[tuple[str, str | None]] = [(each.namespace, each.flow_id) for each in self.flows]
        wanted += [(namespace, None) for namespace in self.namespaces]
        if not wanted:
            raise TaskError("`flows` or `namespaces` is needed", mend="name at least one flow or namespace")
        kept = []
        for namespace, flow_id in wanted:
            count = await ctx.executions.count(
                namespace=namespace,
                flow_id=flow_id,
                states=self.states,
                since=self.start_date,
                until=self.end_date,
            )
            if is_truthy_text(await ctx.rendered(self.expression, count=count)):
                kept.append(Counted(namespace=namespace, flow_id=flow_id, count=count))
        return self.Output(results=kept, total=sum(each.count for each in kept))

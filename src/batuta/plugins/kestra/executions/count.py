"""How many executions of a server there were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from batuta import iso8601
from batuta.expr import is_truthy_text
from batuta.model.state import State
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import Template
from batuta.plugins.core.execution.count import Counted, CountedFlow
from batuta.plugins.kestra.executions.query import counted
from batuta.plugins.kestra.instance import InstanceTask, opened


@plugin("io.kestra.plugin.kestra.executions.Count")
class Count(InstanceTask):
    """Count executions of flows and namespaces, and keep the counts that fit an expression.

    Without flows and namespaces all executions are counted together.

    ```yaml
    id: succeeded
    type: io.kestra.plugin.kestra.executions.Count
    namespaces: [company.team]
    states: [SUCCESS]
    startDate: "{{ now() | dateAdd(-7, 'DAYS') }}"
    expression: "{{ count >= 5 }}"
    ```
    """

    flows: Annotated[list[CountedFlow], Meta(description="Flows to count, each by itself.")] = []
    namespaces: Annotated[list[str], Meta(description="Namespaces to count, each by itself.")] = []
    states: Annotated[list[State], Meta(description="Only executions in these states.")] = []
    start_date: Annotated[datetime | None, Meta(description="Only begun at this time or later.")] = None
    end_date: Annotated[datetime | None, Meta(description="Only begun at this time or before.")] = None
    expression: Annotated[
        Template, Meta(description="Keeps a count where this renders to `true`; sees `count`.")
    ] = Template("true")

    class Output(task.Output, frozen=True):
        """The counts that were kept."""

        count: Annotated[int, Meta(description="Their sum.")]
        results: Annotated[list[Counted], Meta(description="One per flow or namespace.")]
        total: Annotated[int, Meta(description="The same as `count`.")]

    async def run(self, ctx: RunContext) -> Output:
        """Count and choose."""
        kept, total = [], 0
        async with opened(ctx, self) as instance:
            for namespace, flow_id in self._wanted():
                count = await counted(instance, self._params(namespace, flow_id))
                if not is_truthy_text(await ctx.rendered(self.expression, count=count)):
                    continue
                total += count
                if namespace is not None:
                    kept.append(Counted(namespace=namespace, flow_id=flow_id, count=count))
        return self.Output(count=total, results=kept, total=total)

    def _wanted(self) -> Iterator[tuple[str | None, str | None]]:
        yield from ((each.namespace, each.flow_id) for each in self.flows)
        yield from ((namespace, None) for namespace in self.namespaces)
        if not self.flows and not self.namespaces:
            yield None, None

    def _params(self, namespace: str | None, flow_id: str | None) -> dict[str, Any]:
        wanted = {
            "filters[namespace][EQUALS]": namespace,
            "filters[flowId][EQUALS]": flow_id,
            "filters[state][IN]": ",".join(self.states),
            "filters[startDate][GREATER_THAN_OR_EQUAL_TO]": self.start_date
            and iso8601.format_instant(self.start_date),
            "filters[startDate][LESS_THAN_OR_EQUAL_TO]": self.end_date
            and iso8601.format_instant(self.end_date),
        }
        return {name: value for name, value in wanted.items() if value}

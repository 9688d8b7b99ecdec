"""Old log lines go away."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from batuta.errors import TaskError
from batuta.model.task import LogLevel
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin("io.kestra.plugin.core.log.PurgeLogs")
class PurgeLogs(RunnableTask):
    """Remove log lines of executions and triggers, many at once.

    ```yaml
    id: clean
    type: io.kestra.plugin.core.log.PurgeLogs
    endDate: "{{ now() | dateAdd(-1, 'MONTHS') }}"
    logLevels: [TRACE, DEBUG, INFO]
    ```
    """

    end_date: Annotated[datetime, Meta(description="Only lines that were written at this time or before.")]
    namespace: Annotated[
        str | None, Meta(description="Only of this namespace and those below; with `flowId` of it alone.")
    ] = None
    flow_id: Annotated[str | None, Meta(description="Only of this flow; needs `namespace`.")] = None
    execution_id: Annotated[str | None, Meta(description="Only of this execution.")] = None
    log_levels: Annotated[list[LogLevel], Meta(description="Only of these levels; all without it.")] = []
    start_date: Annotated[datetime | None, Meta(description="Only lines of this time or later.")] = None

    class Output(task.Output, frozen=True):
        """How many there were."""

        count: Annotated[int, Meta(description="Lines that were removed.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove them."""
        if self.flow_id is not None and self.namespace is None:
            raise TaskError("`flowId` needs `namespace`", mend="say in which namespace the flow is")
        count = await ctx.logs.purge(
            namespace=self.namespace,
            flow_id=self.flow_id,
            execution_id=self.execution_id,
            levels=self.log_levels,
            since=self.start_date,
            until=self.end_date,
        )
        return self.Output(count=count)

"""Old executions go away."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from batuta.model.state import State
from batuta.plugin import task
from batuta.plugin.context import PurgedParts, RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin(
    "io.kestra.plugin.core.execution.PurgeExecutions",
    aliases=("io.kestra.core.tasks.storages.Purge", "io.kestra.plugin.core.storage.Purge"),
)
class PurgeExecutions(RunnableTask):
    """Remove executions that have ended, with their logs, metrics and files.

    ```yaml
    id: clean
    type: io.kestra.plugin.core.execution.PurgeExecutions
    namespace: company
    endDate: "{{ now() | dateAdd(-1, 'MONTHS') }}"
    states: [SUCCESS]
    ```
    """

    end_date: Annotated[datetime, Meta(description="Only what ended at this time or before.")]
    namespace: Annotated[
        str | None, Meta(description="Only of this namespace and those below; with `flowId` of it alone.")
    ] = None
    flow_id: Annotated[str | None, Meta(description="Only of this flow.")] = None
    start_date: Annotated[datetime | None, Meta(description="Only what began at this time or later.")] = None
    states: Annotated[list[State], Meta(description="Only in these states; every end without it.")] = []
    purge_execution: Annotated[bool, Meta(description="Remove the executions themselves.")] = True
    purge_log: Annotated[bool, Meta(description="Remove their logs.")] = True
    purge_metric: Annotated[bool, Meta(description="Remove their metrics.")] = True
    purge_storage: Annotated[bool, Meta(description="Remove their files.")] = True
    batch_size: Annotated[int, Meta(description="How many are removed at once.", ge=1, le=10_000)] = 100

    class Output(task.Output, frozen=True):
        """How much there was."""

        executions_count: Annotated[int, Meta(description="Executions.")]
        logs_count: Annotated[int, Meta(description="Log lines.")]
        metrics_count: Annotated[int, Meta(description="Measurements.")]
        storages_count: Annotated[int, Meta(description="Files.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove them, oldest first."""
        purged = await ctx.executions.purge(
            namespace=self.namespace,
            flow_id=self.flow_id,
            states=self.states,
            since=self.start_date,
            until=self.end_date,
            parts=PurgedParts(self.purge_execution, self.purge_log, self.purge_metric, self.purge_storage),
            at_once=self.batch_size,
        )
        return self.Output(
            executions_count=purged.executions,
            logs_count=purged.logs,
            metrics_count=purged.metrics,
            storages_count=purged.files,
        )

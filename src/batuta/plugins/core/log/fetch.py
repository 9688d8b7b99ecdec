"""The log as a file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta import ids
from batuta.model.records import LogLine
from batuta.model.task import LogLevel
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.rows import RowWriter


@plugin("io.kestra.plugin.core.log.Fetch")
class Fetch(RunnableTask):
    """Store the log of an execution as a row file.

    ```yaml
    id: log
    type: io.kestra.plugin.core.log.Fetch
    level: WARN
    tasksId:
      - extract
    ```
    """

    execution_id: Annotated[str | None, Meta(description="Whose log; by default the running one's.")] = None
    namespace: Annotated[str | None, Meta(description="Namespace of the execution; accepted.")] = None
    flow_id: Annotated[str | None, Meta(description="Flow of the execution; accepted.")] = None
    tasks_id: Annotated[list[str], Meta(description="Only lines of these tasks.")] = []
    level: Annotated[LogLevel, Meta(description="Only lines of this level or above.")] = LogLevel.INFO

    class Output(task.Output, frozen=True):
        """The file."""

        uri: Annotated[str, Meta(description="URI of the row file.")]
        size: Annotated[int, Meta(description="Lines in it.")]

    async def run(self, ctx: RunContext) -> Output:
        """Write the lines in order of arrival."""
        path = ctx.files.working_dir / f"{ids.random_id()}.ion"
        execution_id = self.execution_id or ctx.identity.execution_id
        with path.open("wb") as file:
            writer = RowWriter(file)
            async for lines in ctx.log_of(execution_id, least=self.level, task_ids=self.tasks_id):
                for line in lines:
                    writer.write(row(line))
        return self.Output(uri=await ctx.files.put(path), size=writer.count)


def row(line: LogLine) -> dict[str, object]:
    """A line as a row; what it does not have stays away."""
    values: dict[str, object | None] = {
        "namespace": line.namespace,
        "flowId": line.flow_id,
        "taskId": line.task_id,
        "executionId": line.execution_id,
        "taskRunId": line.task_run_id,
        "attemptNumber": line.attempt,
        "triggerId": line.trigger_id,
        "timestamp": line.at,
        "level": line.level.value,
        "thread": line.thread,
        "message": line.message,
    }
    return {name: value for name, value in values.items() if value is not None}

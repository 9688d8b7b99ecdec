"""The log of an execution of a server as a file."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta import iso8601
from batuta.errors import TaskError
from batuta.model.task import LogLevel
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import InstanceTask, opened, spare_file
from batuta.plugins.rows import RowWriter

_COLUMNS = (
    "namespace", "flowId", "taskId", "executionId", "taskRunId", "attemptNumber", "triggerId", "timestamp",
    "level", "thread", "message",
)  # fmt: skip


@plugin("io.kestra.plugin.kestra.logs.Fetch")
class Fetch(InstanceTask):
    """Store the log of an execution as a row file.

    ```yaml
    id: log
    type: io.kestra.plugin.kestra.logs.Fetch
    executionId: "{{ trigger.executionId }}"
    level: WARN
    ```
    """

    execution_id: Annotated[str | None, Meta(description="Whose log; by default the running one's.")] = None
    namespace: Annotated[str | None, Meta(description="Namespace of the execution.")] = None
    flow_id: Annotated[str | None, Meta(description="Flow of the execution; `namespace` goes with it.")] = (
        None
    )
    tasks_id: Annotated[list[str], Meta(description="Only lines of these tasks.")] = []
    level: Annotated[LogLevel, Meta(description="Only lines of this level or above.")] = LogLevel.INFO

    class Output(task.Output, frozen=True):
        """The file."""

        uri: Annotated[str, Meta(description="URI of the row file.")]
        size: Annotated[int, Meta(description="Lines in it.")]

    async def run(self, ctx: RunContext) -> Output:
        """Write the lines in order of arrival."""
        if (self.namespace is None) != (self.flow_id is None):
            raise TaskError("`namespace` and `flowId` go together", mend="give both, or none of them")
        if self.flow_id is not None and self.execution_id is None:
            raise TaskError("`flowId` says nothing without `executionId`", mend="name the execution as well")
        execution_id = self.execution_id or ctx.identity.execution_id
        async with opened(ctx, self) as instance:
            lines = await instance.call("GET", "logs", execution_id, params={"minLevel": self.level.value})
        path = spare_file(ctx)
        with path.open("wb") as file:
            writer = RowWriter(file)
            for line in lines:
                if self._is_wanted(line):
                    writer.write(_row(line))
        return self.Output(uri=await ctx.files.put(path, "log.ion"), size=writer.count)

    def _is_wanted(self, line: dict[str, Any]) -> bool:
        if self.tasks_id and line.get("taskId") not in self.tasks_id:
            return False
        return self.flow_id is None or (line["namespace"], line["flowId"]) == (self.namespace, self.flow_id)


def _row(line: dict[str, Any]) -> dict[str, Any]:
    row = {name: line[name] for name in _COLUMNS if line.get(name) is not None}
    return row | {"timestamp": iso8601.parse_instant(line["timestamp"])}

"""Cleaning up after an execution."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin(
    "io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles",
    aliases=(
        "io.kestra.core.tasks.storages.PurgeExecution",
        "io.kestra.plugin.core.storage.PurgeExecution",
    ),
)
class PurgeCurrentExecutionFiles(RunnableTask):
    """Remove every file of the running execution: inputs, files of tasks and of triggers.

    ```yaml
    id: purge_files
    type: io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles
    ```
    """

    class Output(task.Output, frozen=True):
        """What was removed."""

        uris: Annotated[list[str], Meta(description="URIs that are gone.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove them."""
        return self.Output(uris=await ctx.files.purge_execution())

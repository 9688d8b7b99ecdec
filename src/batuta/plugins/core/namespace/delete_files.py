"""Files of a namespace, removed."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin(
    "io.kestra.plugin.core.namespace.DeleteFiles",
    aliases=("io.kestra.core.tasks.namespace.DeleteFiles",),
)
class DeleteFiles(RunnableTask):
    """Remove files of a namespace. Their versions can be read until PurgeFiles removes them.

    ```yaml
    id: clean
    type: io.kestra.plugin.core.namespace.DeleteFiles
    namespace: company.team
    files:
      - "**.tmp"
    deleteParentFolder: true
    ```
    """

    namespace: Annotated[str, Meta(description="Where the files are.")]
    files: Annotated[list[str] | str, Meta(description="Paths or globs of the files.")]
    delete_parent_folder: Annotated[
        bool, Meta(description="Remove the folders, too, in which nothing is left.")
    ] = False

    async def run(self, ctx: RunContext) -> None:
        """Remove each file."""
        patterns = [self.files] if isinstance(self.files, str) else self.files
        count = 0
        for path in await ctx.namespaces.chosen(self.namespace, patterns):
            count += await ctx.namespaces.delete(
                self.namespace, path, with_empty_folders=self.delete_parent_folder
            )
        ctx.log.info(f"Deleted {count} files of the namespace '{self.namespace}'")
        ctx.metrics.count("deleted", count)

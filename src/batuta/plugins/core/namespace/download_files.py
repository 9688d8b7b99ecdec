"""Files out of a namespace."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin(
    "io.kestra.plugin.core.namespace.DownloadFiles",
    aliases=("io.kestra.core.tasks.namespace.DownloadFiles",),
)
class DownloadFiles(RunnableTask):
    """Copy files of a namespace, so that later tasks can use them as stored files.

    ```yaml
    id: queries
    type: io.kestra.plugin.core.namespace.DownloadFiles
    namespace: company.team
    files:
      - "queries/**.sql"
    ```
    """

    namespace: Annotated[str, Meta(description="Where the files are.")]
    files: Annotated[list[str] | str, Meta(description="Paths or globs of the files.")]
    destination: Annotated[
        str, Meta(description="Folder that is put in front of the paths of the output.")
    ] = ""

    class Output(task.Output, frozen=True):
        """The copies."""

        files: Annotated[
            dict[str, str], Meta(description="Path in the namespace, beginning with `/`, to URI.")
        ]

    async def run(self, ctx: RunContext) -> Output:
        """Copy each file into the storage of this task."""
        patterns = [self.files] if isinstance(self.files, str) else self.files
        copies = {}
        for path in await ctx.namespaces.chosen(self.namespace, patterns):
            uri = await ctx.namespaces.uri(self.namespace, path)
            if uri is not None:
                copies[f"{self._folder}/{path}"] = await ctx.files.copy(uri)
        ctx.log.debug(f"Downloaded {len(copies)} files of the namespace '{self.namespace}'")
        ctx.metrics.count("downloaded", len(copies))
        return self.Output(files=copies)

    @property
    def _folder(self) -> str:
        folder = self.destination.strip("/")
        return f"/{folder}" if folder else ""

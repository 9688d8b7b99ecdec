"""Files of a shared folder: in and out."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin("io.kestra.plugin.core.storage.LocalFiles")
class LocalFiles(RunnableTask):
    """Put files into the working directory, or keep files of it; mostly inside a WorkingDirectory.

    ```yaml
    id: prepare
    type: io.kestra.plugin.core.storage.LocalFiles
    inputs:
      hello.txt: "Hello"
    ```
    """

    inputs: Annotated[dict[str, Any] | str | None, Meta(description="Path to content or URI.")] = None
    outputs: Annotated[list[str], Meta(description="Globs of files to keep.")] = []

    class Output(task.Output, frozen=True):
        """The files that were kept."""

        uris: Annotated[dict[str, str], Meta(description="Relative path to URI.")]

    async def run(self, ctx: RunContext) -> Output:
        """Write, then keep."""
        await ctx.files.place(self.inputs)
        return self.Output(uris=await ctx.files.collect(self.outputs))

"""How large a file is."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin("io.kestra.plugin.core.storage.Size")
class Size(RunnableTask):
    """Give the size of a stored file.

    ```yaml
    id: size
    type: io.kestra.plugin.core.storage.Size
    uri: "{{ inputs.file }}"
    ```
    """

    uri: Annotated[str, Meta(description="URI of the file.")]

    class Output(task.Output, frozen=True):
        """The size."""

        size: Annotated[int, Meta(description="Bytes.")]

    async def run(self, ctx: RunContext) -> Output:
        """Look."""
        return self.Output(size=await ctx.files.size(self.uri))

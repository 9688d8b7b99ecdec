"""Text into a file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta import ids
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin("io.kestra.plugin.core.storage.Write")
class Write(RunnableTask):
    """Store a text as a file.

    ```yaml
    id: note
    type: io.kestra.plugin.core.storage.Write
    content: "Report of {{ inputs.day }}"
    extension: .txt
    ```
    """

    content: Annotated[str, Meta(description="The text.")]
    extension: Annotated[str, Meta(description="Extension of the file.")] = ".tmp"

    class Output(task.Output, frozen=True):
        """The file."""

        uri: Annotated[str, Meta(description="URI of the file.")]

    async def run(self, ctx: RunContext) -> Output:
        """Store it."""
        extension = (
            self.extension if not self.extension or self.extension.startswith(".") else "." + self.extension
        )
        return self.Output(uri=await ctx.files.put_bytes(self.content.encode(), ids.random_id() + extension))

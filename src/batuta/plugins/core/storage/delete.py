"""Removing a file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin("io.kestra.plugin.core.storage.Delete")
class Delete(RunnableTask):
    """Remove a stored file.

    ```yaml
    id: remove
    type: io.kestra.plugin.core.storage.Delete
    uri: "{{ inputs.file }}"
    ```
    """

    uri: Annotated[str, Meta(description="URI of the file.")]
    error_on_missing: Annotated[bool, Meta(description="Fail when there is no such file.")] = False

    class Output(task.Output, frozen=True):
        """What happened."""

        uri: Annotated[str, Meta(description="URI of the file.")]
        deleted: Annotated[bool, Meta(description="There was such a file.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove it."""
        deleted = await ctx.files.delete(self.uri)
        if not deleted and self.error_on_missing:
            raise TaskError(f"Unable to find file '{self.uri}'")
        return self.Output(uri=self.uri, deleted=deleted)

"""The last line first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.storage.lines import extension_of, local_copy, new_file, pieces_backwards


@plugin("io.kestra.plugin.core.storage.Reverse")
class Reverse(RunnableTask):
    """Turn the order of a stored file's lines around.

    ```yaml
    id: newest_first
    type: io.kestra.plugin.core.storage.Reverse
    from: "{{ inputs.file }}"
    ```
    """

    from_: Annotated[str, Meta(description="URI of the file.")] = field(name="from")
    separator: Annotated[str, Meta(description="What ends a line.")] = "\n"
    charset: Annotated[str, Meta(description="Encoding of the file.")] = "UTF-8"

    class Output(task.Output, frozen=True):
        """The reversed file."""

        uri: Annotated[str, Meta(description="URI of the result.")]

    async def run(self, ctx: RunContext) -> Output:
        """Read backwards, write forwards."""
        try:
            separator = self.separator.encode(self.charset)
        except LookupError:
            raise TaskError(f"charset: `{self.charset}` is not a known encoding") from None
        source = await local_copy(ctx, self.from_)
        result = new_file(ctx, extension_of(self.from_))
        await asyncio.to_thread(reverse, source, result, separator)
        return self.Output(uri=await ctx.files.put(result))


def reverse(source: Path, result: Path, separator: bytes) -> None:
    """Write the pieces of a file in reverse order, each followed by the separator."""
    with result.open("wb") as target:
        for piece in pieces_backwards(source, separator):
            target.write(piece + separator)

"""Several files into one."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.storage.lines import local_copy, new_file


@plugin("io.kestra.plugin.core.storage.Concat")
class Concat(RunnableTask):
    """Join stored files, in order.

    ```yaml
    id: join
    type: io.kestra.plugin.core.storage.Concat
    files:
      - "{{ inputs.first }}"
      - "{{ inputs.second }}"
    extension: .csv
    ```
    """

    files: Annotated[list[str], Meta(description="URIs of the files.")]
    separator: Annotated[str | None, Meta(description="Written after every file, the last one too.")] = None
    extension: Annotated[str, Meta(description="Extension of the result.")] = ".tmp"

    class Output(task.Output, frozen=True):
        """The joined file."""

        uri: Annotated[str, Meta(description="URI of the result.")]

    async def run(self, ctx: RunContext) -> Output:
        """Append each file to the result."""
        result = new_file(ctx, self.extension)
        result.touch()
        for uri in self.files:
            part = await local_copy(ctx, uri)
            await asyncio.to_thread(append, result, part, (self.separator or "").encode())
            part.unlink()
        return self.Output(uri=await ctx.files.put(result))


def append(result: Path, part: Path, separator: bytes) -> None:
    """Add a file and the separator to the end of another."""
    with result.open("ab") as target, part.open("rb") as source:
        shutil.copyfileobj(source, target, 1_048_576)
        target.write(separator)

"""The first part of a ForEachItem: a file into batches (flow spec §6.8)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from batuta import ids
from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.storage.split import Cut, split_file


class Batch(msgspec.Struct, kw_only=True, rename="camel"):
    """How large a batch is."""

    bytes: str | None = None
    partitions: Annotated[int | None, Meta(ge=1)] = None
    rows: Annotated[int, Meta(ge=1)] = 1
    separator: str = "\n"


@plugin("io.kestra.plugin.core.flow.ForEachItem$ForEachItemSplit")
class ForEachItemSplit(RunnableTask):
    """Split a stored file into batches of items; a part of `ForEachItem`, not for use on its own.

    ```yaml
    id: orders_split
    type: io.kestra.plugin.core.flow.ForEachItem$ForEachItemSplit
    items: "{{ inputs.file }}"
    batch:
      rows: 100
    ```
    """

    items: Annotated[str, Meta(description="URI of a file with one item per line.")]
    batch: Annotated[Batch, Meta(description="`bytes`, `partitions` or `rows`, and `separator`.")] = (
        msgspec.field(default_factory=Batch)
    )

    class Output(task.Output, frozen=True):
        """The batches."""

        splits: Annotated[str, Meta(description="URI of a text file with the URI of a batch on each line.")]

    async def run(self, ctx: RunContext) -> Output:
        """Split, and list the parts."""
        if not self.items.startswith("kestra://"):
            raise TaskError(
                f"Unable to split the items from {self.items}, this is not an internal storage URI!"
            )
        batch = self.batch
        cut = Cut(bytes=batch.bytes, partitions=batch.partitions, rows=batch.rows, separator=batch.separator)
        parts = await split_file(ctx, self.items, cut)
        listing = "".join(f"{uri}\n" for uri in parts)
        return self.Output(splits=await ctx.files.put_bytes(listing.encode(), f"{ids.random_id()}.txt"))

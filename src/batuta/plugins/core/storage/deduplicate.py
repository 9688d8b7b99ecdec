"""One row per key."""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask, Template
from batuta.plugins.core.storage.lines import local_copy, new_file
from batuta.plugins.rows import lines_of, read_row


@plugin("io.kestra.plugin.core.storage.DeduplicateItems")
class DeduplicateItems(RunnableTask):
    """Keep the last row of each key, in the order of the file.

    ```yaml
    id: latest
    type: io.kestra.plugin.core.storage.DeduplicateItems
    from: "{{ inputs.rows }}"
    expr: "{{ customer }}"
    ```
    """

    from_: Annotated[str, Meta(description="URI of a row file.")] = field(name="from")
    expr: Annotated[Template, Meta(description="Key of a row; the row's fields are variables.")] = field()

    class Output(task.Output, frozen=True):
        """The rows that are left."""

        uri: Annotated[str, Meta(description="URI of the result.")]
        num_keys: Annotated[int, Meta(description="Different keys.")]
        processed_items_total: Annotated[int, Meta(description="Rows read.")]
        dropped_items_total: Annotated[int, Meta(description="Rows left out.")]

    async def run(self, ctx: RunContext) -> Output:
        """Find the last row of each key, then write those."""
        source = await local_copy(ctx, self.from_)
        result = new_file(ctx, ".ion")
        keys, rows = await asyncio.to_thread(self._deduplicate, ctx, source, result)
        return self.Output(
            uri=await ctx.files.put(result),
            num_keys=keys,
            processed_items_total=rows,
            dropped_items_total=rows - keys,
        )

    def _deduplicate(self, ctx: RunContext, source: Path, result: Path) -> tuple[int, int]:
        last: dict[bytes, int] = {}
        rows = 0
        for number, line in enumerate(lines_of(source), 1):
            if not line.strip():
                continue
            rows += 1
            row = read_row(line, number)
            names = row if isinstance(row, dict) else {"value": row}
            key = ctx.render(self.expr, **{str(name): value for name, value in names.items()})
            # Keys may be long and many: their digests are not.
            last[blake2b((key or "").encode(), digest_size=16).digest()] = number
        kept = set(last.values())
        with result.open("wb") as target:
            for number, line in enumerate(lines_of(source), 1):
                if number in kept:
                    target.write(line if line.endswith(b"\n") else line + b"\n")
        return len(last), rows

"""Some rows of a file."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.expr import ExpressionError, is_truthy_text
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask, Template
from batuta.plugins.core.storage.lines import local_copy, new_file
from batuta.plugins.rows import lines_of, read_row


class FilterType(StrEnum):
    """What happens to rows that match."""

    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class Doubtful(StrEnum):
    """What happens to rows whose condition fails or gives nothing."""

    FAIL = "FAIL"
    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


@plugin("io.kestra.plugin.core.storage.FilterItems")
class FilterItems(RunnableTask):
    """Keep the rows for which a condition holds.

    ```yaml
    id: large
    type: io.kestra.plugin.core.storage.FilterItems
    from: "{{ inputs.rows }}"
    filterCondition: "{{ amount > 100 }}"
    ```
    """

    from_: Annotated[str, Meta(description="URI of a row file.")] = field(name="from")
    filter_condition: Annotated[Template, Meta(description="Condition; the row's fields are variables.")] = (
        field()
    )
    filter_type: Annotated[FilterType, Meta(description="Keep or leave out what matches.")] = (
        FilterType.INCLUDE
    )
    error_or_null_behavior: Annotated[
        Doubtful, Meta(description="What to do where the condition fails or is null.")
    ] = Doubtful.FAIL

    class Output(task.Output, frozen=True):
        """The rows that are left."""

        uri: Annotated[str, Meta(description="URI of the result.")]
        processed_items_total: Annotated[int, Meta(description="Rows read.")]
        dropped_items_total: Annotated[int, Meta(description="Rows left out.")]

    async def run(self, ctx: RunContext) -> Output:
        """Filter."""
        source = await local_copy(ctx, self.from_)
        result = new_file(ctx, ".ion")
        read, dropped = await asyncio.to_thread(self._filter, ctx, source, result)
        return self.Output(
            uri=await ctx.files.put(result), processed_items_total=read, dropped_items_total=dropped
        )

    def _filter(self, ctx: RunContext, source: Path, result: Path) -> tuple[int, int]:
        read = dropped = 0
        with result.open("wb") as target:
            for number, line in enumerate(lines_of(source), 1):
                if not line.strip():
                    continue
                read += 1
                if self._keeps(ctx, line, number):
                    target.write(line if line.endswith(b"\n") else line + b"\n")
                else:
                    dropped += 1
        return read, dropped

    def _keeps(self, ctx: RunContext, line: bytes, number: int) -> bool:
        row = read_row(line, number)
        names = row if isinstance(row, dict) else {"value": row}
        try:
            text = ctx.render(self.filter_condition, **{str(name): value for name, value in names.items()})
        except ExpressionError as error:
            text, problem = None, str(error)
        else:
            problem = "the condition gives null"
        if text is not None:
            return is_truthy_text(text) is (self.filter_type is FilterType.INCLUDE)
        if self.error_or_null_behavior is Doubtful.FAIL:
            raise TaskError(
                f"row {number}: {problem}", mend="set `errorOrNullBehavior` to INCLUDE or EXCLUDE"
            )
        return self.error_or_null_behavior is Doubtful.INCLUDE

"""Old versions of namespace files, removed for good."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


class Behavior(Struct, kw_only=True, rename="camel"):
    """Which versions go; of two conditions each is enough."""

    type: Annotated[str, Meta(description="Always `version`.")] = "version"
    before: Annotated[
        datetime | None, Meta(description="Versions written before this go; the present content never does.")
    ] = None
    keep_amount: Annotated[
        int | None, Meta(ge=1, description="How many of the newest versions of a file stay.")
    ] = None


@plugin("io.kestra.plugin.core.namespace.PurgeFiles")
class PurgeFiles(RunnableTask):
    """Remove old versions of namespace files, and what is left of files that were deleted, for good.

    ```yaml
    id: purge
    type: io.kestra.plugin.core.namespace.PurgeFiles
    namespaces:
      - company
    filePattern: "**/*.sql"
    behavior:
      type: version
      before: "{{ now() | dateAdd(-1, 'MONTHS') }}"
    ```
    """

    namespaces: Annotated[list[str] | None, Meta(description="Namespaces; by default that of the flow.")] = (
        None
    )
    namespace_pattern: Annotated[
        str | None, Meta(description="Glob of namespaces with flows, in place of `namespaces`.")
    ] = None
    include_child_namespaces: Annotated[
        bool, Meta(description="Those below the namespaces, too, where they have flows.")
    ] = True
    file_pattern: Annotated[str | None, Meta(description="Path or glob of the files; by default all.")] = None
    behavior: Annotated[
        Behavior | None, Meta(description="Which versions go; by default all but the newest.")
    ] = None

    class Output(task.Output, frozen=True):
        """What was removed."""

        size: Annotated[int, Meta(description="Number of versions.")]

    async def run(self, ctx: RunContext) -> Output:
        """Purge one namespace after the other."""
        behavior = self.behavior or Behavior(keep_amount=1)
        if behavior.type != "version":
            raise TaskError(f"behavior.type: must be `version`, but is `{behavior.type}`")
        if behavior.before is None and behavior.keep_amount is None:
            raise TaskError("behavior: one of `before` or `keepAmount` is needed")
        count = 0
        for namespace in await self._chosen(ctx):
            count += await ctx.namespaces.purge(
                namespace, pattern=self.file_pattern, keep=behavior.keep_amount, before=behavior.before
            )
        ctx.log.info(f"Purged {count} versions of namespace files")
        return self.Output(size=count)

    async def _chosen(self, ctx: RunContext) -> list[str]:
        if self.namespaces and self.namespace_pattern:
            raise TaskError("`namespaces` and `namespacePattern` cannot be used together")
        known = await ctx.namespaces.names()
        if self.namespace_pattern:
            named = _wildcards(self.namespace_pattern)
            return [name for name in known if named.fullmatch(name)]
        given = self.namespaces or [ctx.identity.namespace]
        below = [
            name
            for name in known
            if self.include_child_namespaces and any(name.startswith(f"{each}.") for each in given)
        ]
        return sorted({*given, *below})


def _wildcards(pattern: str) -> re.Pattern[str]:
    """`*` stands for any text, `?` for one character."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))

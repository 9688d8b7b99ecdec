"""Writing a key-value entry."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from batuta.model.records import KvType
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask, Template


@plugin("io.kestra.plugin.core.kv.Set")
class Set(RunnableTask):
    """Set a key of a namespace's key-value store.

    ```yaml
    id: remember
    type: io.kestra.plugin.core.kv.Set
    key: last_run
    value: "{{ execution.startDate }}"
    kvType: DATETIME
    ttl: P7D
    ```
    """

    key: Annotated[str, Meta(description="Letters, digits, `.`, `_` and `-`.")]
    value: Annotated[
        Template, Meta(description="What to store; a single expression keeps the type of its value.")
    ]
    namespace: Annotated[str | None, Meta(description="Where to store it; by default with the flow.")] = None
    kv_type: Annotated[
        KvType | None, Meta(description="Type of the entry; by default that of the value.")
    ] = None
    overwrite: Annotated[
        bool, Meta(description="Replace an entry that exists; otherwise the task fails.")
    ] = True
    ttl: Annotated[timedelta | None, Meta(description="How long the entry lives.")] = None
    kv_description: Annotated[str | None, Meta(description="What the entry is for.")] = None

    async def run(self, ctx: RunContext) -> None:
        """Store the value."""
        await ctx.kv.put(
            self.key,
            await ctx.native(self.value),
            namespace=self.namespace,
            type=self.kv_type,
            ttl=self.ttl,
            overwrite=self.overwrite,
            description=self.kv_description,
        )

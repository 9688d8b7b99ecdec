"""Waiting."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


@plugin("io.kestra.plugin.core.flow.Sleep")
class Sleep(RunnableTask):
    """Wait for a while. A kill or the task's timeout ends the wait.

    ```yaml
    id: wait
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT15S
    ```
    """

    duration: Annotated[timedelta, Meta(description="How long to wait.")]

    async def run(self, ctx: RunContext) -> None:
        """Wait."""
        await asyncio.sleep(self.duration.total_seconds())

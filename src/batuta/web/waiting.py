"""Waiting for an execution: hints wake, the rows decide, and a second without a hint is a look as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from batuta.bus.port import ExecutionChanged
from batuta.model.execution import Execution
from batuta.web.rejections import WaitedTooLong
from batuta.web.site import Site

LOOK_SECONDS = 1.0
"""Longest time between two looks at the rows."""
CONFIRM_SECONDS = 5.0
"""How long an operation waits for the executor."""
FINISH_SECONDS = 3600.0
"""How long `wait=true` waits for the end of an execution."""


async def next_hint(hints: AsyncIterator[Any], execution_id: str, seconds: float) -> Any:
    """The next hint about an execution; None when there is none in time."""

    async def matching() -> Any:
        async for hint in hints:
            if hint.execution_id == execution_id:
                return hint
        return None

    try:
        return await asyncio.wait_for(matching(), max(seconds, 0))
    except TimeoutError:
        return None


async def until(
    site: Site,
    hints: AsyncIterator[Any],
    execution_id: str,
    reached: Callable[[Execution], bool],
    seconds: float,
) -> Execution:
    """The execution once `reached` holds. Subscribe to `hints` before asking for the change.

    Raises:
        WaitedTooLong: it does not within `seconds`.
    """
    clock = asyncio.get_running_loop()
    end = clock.time() + seconds
    while True:
        execution = await site.need_execution(execution_id)
        if reached(execution):
            return execution
        left = end - clock.time()
        if left <= 0:
            raise WaitedTooLong(
                f"execution `{execution_id}` is still {execution.state.current} after {seconds:g} s"
            )
        await next_hint(hints, execution_id, min(LOOK_SECONDS, left))


def changes(site: Site) -> Any:
    """A subscription to changes of executions."""
    return site.ports.bus.subscribe(ExecutionChanged)

"""Waiting for an execution: hints wake, the rows decide, and a second without a hint is a look as well."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from batuta.model.execution import Execution
from batuta.web.rejections import WaitedTooLong
from batuta.web.site import Site
from batuta.web.watching import Watch

LOOK_SECONDS = 1.0
"""Longest time between two looks at the rows."""
CONFIRM_SECONDS = 5.0
"""How long an operation waits for the executor."""
FINISH_SECONDS = 3600.0
"""How long `wait=true` waits for the end of an execution."""


async def until(
    site: Site,
    watch: Watch,
    execution_id: str,
    reached: Callable[[Execution], bool],
    seconds: float,
    *,
    also: Callable[[], Awaitable[bool]] | None = None,
) -> Execution:
    """The execution once `reached` holds, and `also` where there is more to look at. Begin to watch before
    asking for the change.

    Raises:
        WaitedTooLong: it does not within `seconds`.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        execution = await site.need_execution(execution_id)
        if reached(execution) and (also is None or await also()):
            return execution
        left = end - loop.time()
        if left <= 0:
            raise WaitedTooLong(
                f"execution `{execution_id}` is still {execution.state.current} after {seconds:g} s"
            )
        await watch.wait(min(LOOK_SECONDS, left))

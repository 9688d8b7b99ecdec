from __future__ import annotations

import asyncio

import pytest

from batuta.bus.local import LocalBus
from batuta.bus.port import ExecutionChanged, LogsWritten
from batuta.web.watching import Stopping, Watches


async def test_a_hint_wakes_those_who_watch_its_execution_and_nobody_else():
    bus = LocalBus()
    watches = Watches(bus)

    async with watches.on("a") as a, watches.on("b") as b, watches.on("a", LogsWritten) as logs:
        await bus.publish(ExecutionChanged(execution_id="a"))
        await a.wait(60)
        await b.wait(0)
        await logs.wait(0)
        assert not b._woken.is_set()
        assert not logs._woken.is_set()
    await bus.close()


async def test_hints_that_came_before_the_wait_are_not_lost():
    bus = LocalBus()
    watches = Watches(bus)

    async with watches.on("a") as watch:
        for _ in range(3):
            await bus.publish(ExecutionChanged(execution_id="a"))
        await watch.wait(60)
    await bus.close()


async def test_everybody_is_told_when_no_hint_can_come_any_more():
    bus = LocalBus()
    watches = Watches(bus)

    async with watches.on("a") as watch:
        waiting = asyncio.create_task(watch.wait(60))
        await bus.close()
        for wait in (waiting, watch.wait(60)):
            with pytest.raises(Stopping):
                await wait

"""The loop whose clock jumps."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from batuta.testing.virtual_time import Standstill, VirtualClock, VirtualTimeLoop

START = datetime(2026, 2, 28, tzinfo=UTC)


@pytest.fixture
def runner():
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        yield runner


def test_waiting_takes_no_time(runner):
    async def wait():
        clock = VirtualClock(START)
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(86_400))
        return clock.now(), clock.monotonic()

    begun = time.monotonic()
    now, passed = runner.run(wait())

    assert now == START + timedelta(days=1)
    assert passed == 86_400
    assert time.monotonic() - begun < 1


def test_what_is_due_first_happens_first(runner):
    seen = []

    async def note(after: float):
        await asyncio.sleep(after)
        seen.append(after)

    async def all_of_them():
        await asyncio.gather(*(note(each) for each in (30, 10, 20)))

    runner.run(all_of_them())

    assert seen == [10, 20, 30]


def test_the_clock_stands_while_a_thread_works(runner):
    released = threading.Event()

    async def work():
        loop = asyncio.get_running_loop()
        timer = asyncio.create_task(asyncio.sleep(1))
        thread = asyncio.create_task(asyncio.to_thread(released.wait, 5))
        await asyncio.sleep(0)
        threading.Timer(0.05, released.set).start()
        await thread
        return timer.done(), loop.time()

    assert runner.run(work()) == (False, 0.0)


def test_a_timeout_in_virtual_time_ends_what_it_is_for(runner):
    async def work():
        async with asyncio.timeout(60):
            await asyncio.sleep(61)

    with pytest.raises(TimeoutError):
        runner.run(work())


def test_waiting_for_what_never_comes_is_noticed():
    runner = asyncio.Runner(loop_factory=VirtualTimeLoop)

    async def wait():
        await asyncio.Event().wait()

    with pytest.raises(Standstill):
        runner.run(wait())
    runner.get_loop().close()

"""Work that loses a cancellation ends all the same."""

from __future__ import annotations

import asyncio

import pytest

from batuta.worker import insisting
from batuta.worker.insisting import insistently, is_asked_to_end


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(insisting, "AGAIN_SECONDS", 0.01)


async def test_the_result_is_that_of_the_work():
    async def work():
        return 7

    assert await insistently(work()) == 7


async def test_a_failure_is_that_of_the_work():
    async def work():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await insistently(work())


@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_work_is_cancelled_until_it_hears_it(lost):
    begun = asyncio.Event()
    heard = []

    async def deaf():
        for _ in range(lost):
            begun.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                heard.append("lost")
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            heard.append("ended")

    task = asyncio.create_task(insistently(deaf()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["lost"] * lost + ["ended"]


async def test_a_second_cancellation_leaves_no_work_behind():
    begun = asyncio.Event()
    ended = asyncio.Event()

    async def slow_to_end():
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.set()
            raise

    task = asyncio.create_task(insistently(slow_to_end()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_cancellation_that_nobody_asked_for_is_told_from_one_that_somebody_did():
    async def let_out():
        try:
            inner = asyncio.create_task(asyncio.sleep(60))
            inner.cancel()
            await inner
        except asyncio.CancelledError:
            return is_asked_to_end()

    async def wait():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return is_asked_to_end()

    assert await asyncio.create_task(let_out()) is False
    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    assert await task is True

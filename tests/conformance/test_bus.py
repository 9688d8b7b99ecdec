"""The bus carries hints and holds back nobody."""

from __future__ import annotations

import asyncio

import pytest

from batuta.bus.port import ExecutionChanged, JobsWaiting, LogsWritten


def changed(number: int) -> ExecutionChanged:
    return ExecutionChanged(execution_id=f"e{number}")


async def test_a_hint_reaches_every_subscriber_of_its_class(bus):
    async with bus.subscribe(ExecutionChanged) as one, bus.subscribe(ExecutionChanged, JobsWaiting) as other:
        await bus.publish(changed(1), JobsWaiting(), LogsWritten(execution_id="e1"))

        assert await anext(one) == changed(1)
        assert [await anext(other), await anext(other)] == [changed(1), JobsWaiting()]


async def test_hints_from_before_the_subscription_are_not_given(bus):
    await bus.publish(changed(1))
    async with bus.subscribe(ExecutionChanged) as hints:
        await bus.publish(changed(2))

        assert await anext(hints) == changed(2)


async def test_a_class_named_twice_is_given_once(bus):
    async with bus.subscribe(ExecutionChanged, ExecutionChanged) as hints:
        await bus.publish(changed(1), changed(2))

        assert [await anext(hints), await anext(hints)] == [changed(1), changed(2)]


async def test_publishing_without_a_receiver_is_no_error(bus):
    await bus.publish(changed(1), JobsWaiting())


async def test_a_slow_subscriber_loses_the_oldest_hints_and_does_not_hold_back_the_others(bus):
    async with bus.subscribe(ExecutionChanged) as slow, bus.subscribe(ExecutionChanged) as quick:
        for number in range(150):
            await bus.publish(changed(number))
            assert await anext(quick) == changed(number)

        left = [await anext(slow) for _ in range(100)]
        assert left == [changed(number) for number in range(50, 150)]


async def test_a_waiting_receiver_is_woken(bus):
    async with bus.subscribe(ExecutionChanged) as hints:
        waiting = asyncio.create_task(anext(hints))
        await asyncio.sleep(0)
        await bus.publish(changed(1))

        assert await asyncio.wait_for(waiting, 5) == changed(1)


async def test_a_receiver_that_gave_up_waiting_can_wait_again(bus):
    async with bus.subscribe(ExecutionChanged) as hints:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(hints), 0.001)
        await bus.publish(changed(1))

        assert await anext(hints) == changed(1)


async def test_a_subscription_ends_with_its_context(bus):
    async with bus.subscribe(ExecutionChanged) as hints:
        pass
    await bus.publish(changed(1))

    assert [hint async for hint in hints] == []


async def test_closing_ends_every_subscription(bus):
    async with bus.subscribe(ExecutionChanged) as hints, bus.subscribe(JobsWaiting) as others:
        waiting = asyncio.create_task(anext(others, None))
        await bus.publish(changed(1))
        await asyncio.sleep(0)

        await bus.close()

        assert [hint async for hint in hints] == [changed(1)]
        assert await waiting is None

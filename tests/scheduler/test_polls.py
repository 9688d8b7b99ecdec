"""Polling triggers: a look, then what it found, then the next look."""

from __future__ import annotations

import asyncio

import pytest

from batuta.engine.world import World
from batuta.errors import TaskError
from batuta.model.state import State
from batuta.scheduler.loop import Scheduler
from tests.scheduler.conftest import KEY

POLLING = """\
id: tick
namespace: company.team
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return}
triggers:
  - id: each
    type: io.kestra.plugin.core.http.Trigger
    uri: http://127.0.0.1:1/never
    interval: PT30S
"""


class Answers:
    """Looks that a test answers."""

    def __init__(self):
        self.asked = asyncio.Queue()

    async def poll(self, rule, execution_id):
        answer = asyncio.get_running_loop().create_future()
        await self.asked.put(answer)
        return await answer


@pytest.fixture
async def looks(town):
    """A scheduler whose looks are answered by the test."""
    answers = Answers()
    scheduler = Scheduler(town.ports, World(), answers)
    task = asyncio.create_task(scheduler.run())
    await scheduler.ready.wait()

    async def next_look():
        async with asyncio.timeout(20):
            return await answers.asked.get()

    yield next_look
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def over(town):
    async def looked():
        record = await town.record()
        return record.evaluating_since is None and record

    return await town.until(looked)


async def test_the_first_look_is_at_once_and_the_next_after_the_interval(town, looks):
    await town.save(POLLING)
    answer = await looks()
    assert (await town.record()).is_locked
    answer.set_result(None)
    record = await over(town)
    assert (record.next_at - town.clock.now()).total_seconds() == 30
    await town.move(seconds=31)
    (await looks()).set_result(None)
    await over(town)
    assert await town.executions() == []


async def test_what_is_found_starts_the_flow_and_the_next_look_waits_for_its_end(town, looks):
    await town.save(POLLING)
    (await looks()).set_result({"code": 200})
    [execution] = await town.until(town.executions)
    assert execution.trigger.variables == {"code": 200}
    record = await over(town)
    assert record.execution_id == execution.id
    await town.move(minutes=5)
    await town.end(execution)
    (await looks()).set_result(None)


async def test_a_look_that_fails_is_tried_again_and_starts_nothing(town, looks):
    await town.save(POLLING)
    (await looks()).set_exception(TaskError("nobody answers"))
    await over(town)
    assert await town.executions() == []
    await town.move(minutes=1)
    (await looks()).set_result({"code": 200})
    await town.until(town.executions)


async def test_with_fail_on_trigger_error_it_is_an_execution_that_failed(town, looks):
    await town.save(POLLING + "    failOnTriggerError: true\n")
    (await looks()).set_exception(TaskError("nobody answers"))
    [execution] = await town.until(town.executions)
    assert execution.state.current is State.FAILED


async def test_a_changed_trigger_gives_up_its_look(town, looks):
    await town.save(POLLING)
    first = await looks()
    await town.save(POLLING.replace("never", "other"))
    second = await looks()
    assert first.cancelled()
    second.set_result(None)
    await over(town)


async def test_a_look_that_a_dead_process_began_begins_anew(town):
    await town.save(POLLING)
    answers = Answers()
    for _ in range(2):
        scheduler = Scheduler(town.ports, World(), answers)
        task = asyncio.create_task(scheduler.run())
        async with asyncio.timeout(20):
            await answers.asked.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await town.record(KEY)).evaluating_since is not None

"""Polling triggers: a look, then what it found, then the next look."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from batuta.bus.port import TriggersChanged
from batuta.errors import TaskError
from batuta.firing import changes
from batuta.firing.troubles import Trouble, trouble_of
from batuta.model.state import State
from batuta.plugin.trigger import Found, SourceDown
from batuta.store.port import Search
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
        found = await answer
        return found if isinstance(found, Found) else Found(variables=found)

    async def next(self):
        """The next look, which waits for its answer."""
        async with asyncio.timeout(20):
            return await self.asked.get()


@pytest.fixture
async def looks(town):
    """A scheduler and a worker whose looks are answered by the test."""
    answers = Answers()
    async with town.scheduling(), town.working(answers):
        yield answers.next


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


async def test_a_look_that_a_worker_gave_back_is_taken_by_another_one(town):
    await town.save(POLLING)
    answers = Answers()
    async with town.scheduling():
        for _ in range(2):
            async with town.working(answers):
                await answers.next()
    assert (await town.record(KEY)).evaluating_since is not None


async def test_the_look_of_a_dead_worker_is_taken_when_its_lease_has_run_out(town):
    await town.save(POLLING)
    dead, alive = Answers(), Answers()
    async with town.scheduling(), town.working(dead, lease_seconds=30.0):
        first = await dead.next()
        job = await town.store.triggers.job(KEY)
        town.clock.move(timedelta(seconds=31))
        async with town.working(alive):
            (await alive.next()).set_result({"code": 200})
            [execution] = await town.until(town.executions)
            first.set_result({"code": 404})
            await town.until(lambda: gone(town, job))
    assert [each.id for each in await town.executions()] == [execution.id]
    assert execution.trigger.variables == {"code": 200}


async def gone(town, job):
    now = await town.store.triggers.job(KEY)
    return now is None or now.token != job.token


async def test_execution_state_and_record_are_one_transaction_and_the_source_is_told_afterwards(town, looks):
    await town.save(POLLING)
    seen = []

    async def settle():
        entry = await town.store.kv.get("company.team", "company.team__tick__each")
        seen.append(([each.id for each in await town.executions()], entry.value, await over(town)))

    (await looks()).set_result(
        Found(variables={"code": 200}, state={"a": 1}, occasions=("m1", "m2"), settle=settle)
    )
    await town.until(lambda: anything(seen))
    [([execution_id], state, record)] = seen
    assert state == {"a": 1}
    assert record.execution_id == execution_id
    assert await town.store.triggers.has_fired(KEY, "m2")


async def anything(seen):
    return list(seen)


async def test_what_was_dealt_with_before_starts_nothing_again(town, looks):
    await town.save(POLLING)
    (await looks()).set_result(Found(variables={"n": 1}, occasions=("m1",)))
    [execution] = await town.until(town.executions)
    await town.end(execution)
    await town.move(minutes=1)
    (await looks()).set_result(Found(variables={"n": 2}, occasions=("m1", "m2")))
    await over(town)
    assert [each.id for each in await town.executions()] == [execution.id]
    assert not await town.store.triggers.has_fired(KEY, "m2")


async def test_a_source_that_is_down_is_told_by_the_record_and_the_log_until_it_is_back(town, looks):
    await town.save(POLLING)
    (await looks()).set_exception(SourceDown("nobody listens on port 1"))
    began = town.clock.now()
    record = await over(town)
    assert trouble_of(record) == Trouble(
        since=began, failures=1, reason="nobody listens on port 1", next_at=record.next_at
    )
    await town.move(minutes=1)
    (await looks()).set_exception(SourceDown("still nobody"))
    record = await over(town)
    assert (record.failing_since, record.failures, record.problem) == (began, 2, "still nobody")
    page = await town.store.logs.search(Search(limit=10))
    assert [(line.level, line.trigger_id) for line in page.results] == [("WARN", "each")] * 2

    await town.move(minutes=10)
    (await looks()).set_result(None)
    assert trouble_of(await over(town)) is None


async def test_a_look_that_goes_wrong_again_and_again_waits_longer(town, looks):
    await town.save(POLLING.replace("PT30S", "PT1S"))
    waits = []
    for _ in range(8):
        (await looks()).set_exception(SourceDown("down"))
        record = await over(town)
        waits.append((record.next_at - town.clock.now()).total_seconds())
        await town.move(seconds=waits[-1] + 0.001)
    assert waits[0] == 1
    assert 32 <= waits[-1] <= 128


async def test_a_condition_that_cannot_be_asked_is_an_execution_that_failed(town, looks):
    await town.save(POLLING + '    when: "{{ nothing.like.this }}"\n')
    [execution] = await town.until(town.executions)
    assert execution.state.current is State.FAILED


async def test_a_disabled_trigger_gives_up_its_look(town, looks):
    await town.save(POLLING)
    first = await looks()
    record = await town.record()
    off = changes.switched(record, disabled=True, now=town.clock.now())
    await town.store.commit(changes.written(record, off))
    await town.ports.bus.publish(TriggersChanged())
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await town.store.triggers.job(KEY) is None

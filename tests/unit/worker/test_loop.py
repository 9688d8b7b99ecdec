"""The worker: from a job in the store to a result that was reported."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from batuta.bus.port import LogsWritten, StopAttempts
from batuta.engine.events import TaskRunFinished, TaskRunStarted
from batuta.lookups import Lookups
from batuta.model.state import State
from batuta.store.batch import Batch
from batuta.worker.loop import Worker
from tests.support.workshop import workshop

SLEEP = {"type": "core.flow.Sleep", "duration": "PT60S"}
RETURN = {"type": "core.debug.Return", "format": "{{ flow.id }}"}


@asynccontextmanager
async def working(shop):
    """A worker for the length of a block."""
    worker = Worker(shop.ports, shop.settings, shop, Lookups(shop.ports))
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_job_is_run_and_its_result_reported(shop):
    async with working(shop):
        job = await shop.submit(RETURN)
        finished = await shop.finished(job)

    (started,) = shop.heard.of(TaskRunStarted)
    assert (started.task_run_id, started.token) == (job.task_run_id, 1)
    assert finished.state is State.SUCCESS
    assert finished.outputs == {"value": "nightly_load"}
    assert started.at <= finished.at


async def test_a_job_that_waited_before_the_worker_began_is_found(shop):
    job = await shop.submit(RETURN)

    async with working(shop):
        finished = await shop.finished(job)

    assert finished.state is State.SUCCESS


async def test_the_log_is_in_the_store_before_the_result_is_reported(shop):
    async with shop.ports.bus.subscribe(LogsWritten) as hints, working(shop):
        job = await shop.submit({"type": "core.log.Log", "message": ["one", "two"]})
        await shop.finished(job)
        lines = await shop.stored_lines(job.execution_id)
        hint = await anext(hints)

    assert [stored.line.message for stored in lines] == ["one", "two"]
    assert hint.execution_id == job.execution_id


async def test_no_more_attempts_run_than_there_are_slots(tmp_path):
    async with workshop(tmp_path, worker_slots=2) as shop, working(shop):
        jobs = [await shop.submit({**SLEEP, "duration": "PT0.1S"}) for _ in range(5)]
        await shop.heard.first(TaskRunFinished, len(jobs))

    open_attempts = most = 0
    for event in shop.heard.events:
        open_attempts += 1 if isinstance(event, TaskRunStarted) else -1
        most = max(most, open_attempts)
    assert most == 2


async def test_a_hint_stops_an_attempt(shop):
    async with working(shop):
        job = await shop.submit(SLEEP)
        await shop.heard.first(TaskRunStarted)
        await shop.ports.bus.publish(StopAttempts(task_run_ids=(job.task_run_id,)))
        finished = await shop.finished(job)

    assert finished.state is State.KILLED


async def test_a_hint_also_stops_an_attempt_that_another_one_has_replaced(shop):
    async with working(shop):
        lost = await shop.submit(SLEEP)
        await shop.heard.first(TaskRunStarted)
        again = await shop.submit_again(lost)
        await shop.heard.first(TaskRunStarted, 2)
        await shop.ports.bus.publish(StopAttempts(task_run_ids=(lost.task_run_id,)))
        ended = await shop.heard.first(TaskRunFinished, 2)

    assert {(event.token, event.state) for event in ended} == {
        (lost.token, State.KILLED),
        (again.token, State.KILLED),
    }


async def test_an_attempt_that_another_one_has_replaced_is_stopped_without_a_hint(tmp_path):
    async with workshop(tmp_path, lease_seconds=0.2) as shop, working(shop):
        lost = await shop.submit(SLEEP)
        await shop.heard.first(TaskRunStarted)
        await shop.submit_again(lost)
        (ended,) = await shop.heard.first(TaskRunFinished)

    assert (ended.token, ended.state) == (lost.token, State.KILLED)


async def test_a_kill_is_noticed_although_its_hint_was_lost(tmp_path):
    async with workshop(tmp_path, lease_seconds=0.2) as shop, working(shop):
        job = await shop.submit(SLEEP)
        await shop.heard.first(TaskRunStarted)
        shop.mark_killing(job)
        finished = await shop.finished(job)

    assert finished.state is State.KILLED


async def test_an_attempt_that_was_killed_before_it_began_does_not_begin(shop):
    job = await shop.submit(RETURN)
    shop.mark_killing(job)

    async with working(shop):
        finished = await shop.finished(job)

    assert finished.state is State.KILLED
    assert shop.heard.of(TaskRunStarted) == []


async def test_a_job_whose_execution_is_gone_is_dropped_and_the_next_one_runs(shop):
    gone = await shop.submit(RETURN)
    del shop.jobs[gone.task_run_id]

    async with working(shop):
        job = await shop.submit(RETURN)
        await shop.finished(job)

    assert [event.task_run_id for event in shop.heard.of(TaskRunFinished)] == [job.task_run_id]


async def test_leases_are_prolonged_while_an_attempt_runs(tmp_path):
    async with workshop(tmp_path, lease_seconds=0.3) as shop, working(shop):
        job = await shop.submit({**SLEEP, "duration": "PT1S"})
        await shop.finished(job)
        expired = await shop.ports.store.jobs.expired(shop.ports.clock.now())

    assert expired == []


async def test_a_worker_that_stops_reports_nothing_and_keeps_its_jobs_in_the_store(shop):
    async with working(shop) as worker:
        job = await shop.submit(SLEEP)
        await shop.heard.first(TaskRunStarted)

    assert shop.heard.of(TaskRunFinished) == []
    left = await shop.ports.store.jobs.of_other_workers("somebody else")
    assert [(each.task_run_id, each.worker_id) for each in left] == [(job.task_run_id, worker.id)]


async def test_an_attempt_that_breaks_the_worker_itself_takes_nothing_else_along(shop, caplog):
    async with working(shop):
        broken = await shop.submit(RETURN)
        shop.jobs[broken.task_run_id] = None
        job = await shop.submit(RETURN)
        await shop.finished(job)

    await shop.ports.store.commit(Batch(ended_jobs=[(job.task_run_id, 1)]))
    assert "attempt broke" in caplog.text

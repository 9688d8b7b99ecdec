"""Jobs, timers: the rows that make work."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from batuta.store.batch import Batch
from tests.conformance.samples import at, job, timer


async def test_jobs_are_claimed_oldest_first_and_only_once(store):
    await store.commit(Batch(jobs=[job(f"run{n}", created_at=at(-n)) for n in range(5)]))

    first = await store.jobs.claim("w1", 2, at(30))
    second = await store.jobs.claim("w2", 10, at(30))

    assert [each.task_run_id for each in first] == ["run4", "run3"]
    assert [each.task_run_id for each in second] == ["run2", "run1", "run0"]
    assert first[0] == job("run4", created_at=at(-4), worker_id="w1", leased_until=at(30))
    assert await store.jobs.claim("w1", 10, at(30)) == []
    assert await store.jobs.waiting() == 0


async def test_jobs_claimed_by_many_at_once_are_given_to_one_each(store):
    await store.commit(Batch(jobs=[job(f"run{n}") for n in range(100)]))

    claims = await asyncio.gather(*(store.jobs.claim(f"w{n}", 7, at(30)) for n in range(20)))

    found = [each.task_run_id for claim in claims for each in claim]
    assert len(found) == 100
    assert len(set(found)) == 100


async def test_a_job_may_be_leased_from_the_start(store):
    await store.commit(Batch(jobs=[job(worker_id="w1", leased_until=at(5))]))

    assert await store.jobs.waiting() == 0
    assert await store.jobs.expired(at(5)) == [job(worker_id="w1", leased_until=at(5))]


async def test_a_lease_runs_out_unless_it_is_renewed(store):
    await store.commit(Batch(jobs=[job("run1"), job("run2")]))
    await store.jobs.claim("w1", 1, at(10))
    await store.jobs.claim("w2", 1, at(10))

    await store.jobs.renew("w1", at(20))

    assert await store.jobs.expired(at(9)) == []
    assert [each.worker_id for each in await store.jobs.expired(at(15))] == ["w2"]
    assert [each.worker_id for each in await store.jobs.of_other_workers("w1")] == ["w2"]


async def test_an_ended_job_is_gone_and_a_newer_attempt_stays(store):
    await store.commit(Batch(jobs=[job("run1", 1), job("run2", 1)]))

    await store.commit(Batch(ended_jobs=[("run1", 1), ("run2", 1)], jobs=[job("run2", 2)]))

    [left] = await store.jobs.claim("w", 10, at(30))
    assert (left.task_run_id, left.token) == ("run2", 2)
    await store.commit(Batch(ended_jobs=[("run2", 1)]))
    assert [each.token for each in await store.jobs.of_other_workers("")] == [2]


async def test_a_job_that_is_made_and_ended_in_one_batch_is_gone(store):
    await store.commit(Batch(jobs=[job("run1", 1)], ended_jobs=[("run1", 1)]))

    assert await store.jobs.waiting() == 0


async def test_a_late_job_does_not_replace_a_newer_one(store):
    await store.commit(Batch(jobs=[job("run1", 2)]))

    await store.commit(Batch(jobs=[job("run1", 1)]))

    assert [each.token for each in await store.jobs.claim("w", 10, at(30))] == [2]


async def test_a_new_attempt_waits_although_the_old_one_was_leased(store):
    await store.commit(Batch(jobs=[job("run1", 1)]))
    await store.jobs.claim("w1", 1, at(30))

    await store.commit(Batch(jobs=[job("run1", 2)]))

    [again] = await store.jobs.claim("w2", 1, at(30))
    assert (again.token, again.worker_id) == (2, "w2")


async def test_who_has_what_and_what_waits_before_it_can_be_told(store):
    await store.commit(Batch(jobs=[job(f"run{n}", created_at=at(n)) for n in range(5)]))
    await store.jobs.claim("w1", 2, at(30))

    waiting = await store.jobs.of_task_run("run4")

    assert waiting == job("run4", created_at=at(4))
    assert await store.jobs.ahead(waiting) == 2
    assert await store.jobs.taken() == {"w1": 2}
    assert (await store.jobs.of_task_run("run0")).worker_id == "w1"
    assert await store.jobs.of_task_run("nobody") is None


async def test_timers_of_one_execution(store):
    mine = [timer("a", 30), timer("b", 10), timer("timeout", 20, task_run_id=None, token=4)]
    await store.commit(Batch(timers=[*mine, timer("x", 7, execution_id="e2")]))

    assert await store.timers.of_execution("e1") == [mine[1], mine[2], mine[0]]


async def test_timers_come_earliest_first(store):
    timers = [timer("a", 30), timer("b", 10), timer("timeout", 20, task_run_id=None, token=4)]
    await store.commit(Batch(timers=timers))

    assert await store.timers.all() == [timers[1], timers[2], timers[0]]


async def test_a_timer_is_unique_by_execution_task_run_and_name(store):
    await store.commit(Batch(timers=[timer("retry", 10)]))

    await store.commit(Batch(timers=[timer("retry", 20, token=2)]))

    assert await store.timers.all() == [timer("retry", 20, token=2)]


async def test_timers_are_cancelled_by_task_run_or_by_execution(store):
    others = [timer("x", 5, task_run_id="run2"), timer("x", 6, task_run_id=None)]
    await store.commit(Batch(timers=[timer("a"), timer("b"), *others, timer("x", 7, execution_id="e2")]))

    await store.commit(Batch(cancelled_timers=[("e1", "run1")]))
    assert await store.timers.all() == [*others, timer("x", 7, execution_id="e2")]

    await store.commit(Batch(cancelled_timers=[("e1", None)]))
    assert await store.timers.all() == [timer("x", 7, execution_id="e2")]


async def test_cancelling_comes_before_setting(store):
    await store.commit(Batch(timers=[timer("old")]))

    await store.commit(Batch(cancelled_timers=[("e1", None)], timers=[timer("new")]))

    assert await store.timers.all() == [timer("new")]


async def test_a_timer_set_in_one_batch_and_cancelled_in_the_next_is_gone_though_both_share_a_commit(store):
    await asyncio.gather(
        store.commit(Batch(timers=[timer("a")])),
        store.commit(Batch(cancelled_timers=[("e1", None)])),
        store.commit(Batch(timers=[timer("b")])),
    )

    assert await store.timers.all() == [timer("b")]


async def test_an_elapsed_timer_is_gone_unless_it_was_set_anew_for_later(store):
    ran_out = timer("a", 10)
    await store.commit(Batch(timers=[ran_out, timer("b", 10)]))
    await store.commit(Batch(timers=[replace(ran_out, at=at(20), token=1)]))

    await store.commit(Batch(elapsed_timers=[ran_out, timer("b", 10)]))

    assert await store.timers.all() == [timer("a", 20, token=1)]

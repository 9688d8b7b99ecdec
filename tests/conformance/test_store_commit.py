"""`Store.commit`: all of a batch or nothing, durable, many at once."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from batuta.engine.events import ExecutionCreated, KillRequested, TaskRunFinished
from batuta.errors import AlreadyExists, StoreError
from batuta.model.state import State
from batuta.store.batch import Batch
from tests.conformance.samples import at, execution, flow, having, history, job, line, task_run


async def test_rows_come_back_as_they_were_written(store):
    written = execution(
        inputs={"n": 1, "text": "äöü\U0001f600\n\0", "nested": [{"a": None, "b": [1.5, True]}]},
        outputs={"big": 2**70},
        variables={"x": "y"},
    )
    runs = [
        task_run(ordinal=0, outputs={"value": "v"}, memo={"values": [1, 2]}),
        task_run(ordinal=1, value="b"),
    ]

    await store.commit(
        Batch(executions={"e1": written}, task_runs={("e1", run.ordinal): run for run in runs})
    )

    assert await store.executions.get("e1") == written
    assert await store.executions.task_runs("e1") == runs


async def test_a_row_that_is_written_again_replaces_the_older_one(store):
    await store.commit(Batch(executions={"e1": execution()}, task_runs={("e1", 0): task_run()}))
    later = replace(execution(), state=history(State.CREATED, State.RUNNING), revision=2, settled=True)
    ended = replace(task_run(), state=history(State.CREATED, State.RUNNING, State.SUCCESS))

    await store.commit(Batch(executions={"e1": later}, task_runs={("e1", 0): ended}))

    assert await store.executions.get("e1") == later
    assert await store.executions.task_runs("e1") == [ended]
    assert await store.executions.unsettled() == []


async def test_task_runs_come_in_order_however_many_there_are(store):
    runs = [task_run(ordinal=ordinal) for ordinal in range(1_000)]
    await store.commit(Batch(task_runs={("e1", run.ordinal): run for run in reversed(runs)}))

    assert await store.executions.task_runs("e1") == runs
    assert await store.executions.task_runs("unknown") == []


async def test_task_runs_can_be_removed(store):
    await store.commit(Batch(task_runs={("e1", n): task_run(ordinal=n) for n in range(3)}))

    await store.commit(Batch(removed_task_runs=[("e1", 1), ("e1", 2)]))

    assert [run.ordinal for run in await store.executions.task_runs("e1")] == [0]


async def test_parts_of_task_runs_are_kept_in_order_and_go_with_them(store):
    await store.commit(Batch(task_runs={("e1", n): task_run(ordinal=n) for n in range(3)}))
    parts = {
        ("e1", 1, "items"): [{"value": "a"}],
        ("e1", 1, "000000000002"): {"n": 2},
        ("e1", 2, "items"): [],
    }
    await store.commit(Batch(parts=parts))
    await store.commit(Batch(parts={("e1", 1, "000000000001"): {"n": 1}}))
    assert await store.executions.parts("e1") == {
        (1, "000000000001"): {"n": 1},
        (1, "000000000002"): {"n": 2},
        (1, "items"): [{"value": "a"}],
        (2, "items"): [],
    }

    await store.commit(Batch(dropped_parts=[("e1", 1)], parts={("e1", 1, "items"): ["new"]}))
    await store.commit(Batch(removed_task_runs=[("e1", 2)]))

    assert await store.executions.parts("e1") == {(1, "items"): ["new"]}
    assert await store.executions.parts("unknown") == {}


async def test_posted_events_get_rising_ids_and_stay_until_they_are_consumed(store):
    created, kill = ExecutionCreated(execution_id="e1"), KillRequested(execution_id="e1", cascade=False)
    finished = TaskRunFinished(
        execution_id="e1", task_run_id="r", token=1, state=State.FAILED, outputs={"a": [1]}, at=at(1)
    )

    first = await store.commit(Batch(posted=[created, kill]))
    second = await store.commit(Batch(posted=[finished]))

    assert first == sorted(first)
    assert first[-1] < second[0]
    assert [(each.id, each.event) for each in await store.events.pending()] == [
        (first[0], created),
        (first[1], kill),
        (second[0], finished),
    ]

    await store.commit(Batch(consumed=[first[0], second[0]]))

    assert [each.event for each in await store.events.pending()] == [kill]


async def test_ids_of_consumed_events_are_not_given_again(store):
    [first] = await store.commit(Batch(posted=[ExecutionCreated(execution_id="e1")]))
    await store.commit(Batch(consumed=[first]))

    [second] = await store.commit(Batch(posted=[ExecutionCreated(execution_id="e2")]))

    assert second > first


async def test_a_batch_that_fails_leaves_nothing_behind(store):
    await store.commit(Batch(flows=[flow()]))

    with pytest.raises(AlreadyExists, match=r"company\.team\.hello"):
        await store.commit(
            Batch(
                flows=[flow("other"), flow()],
                executions={"e1": execution()},
                task_runs={("e1", 0): task_run()},
                jobs=[job()],
                logs=[line()],
                posted=[ExecutionCreated(execution_id="e1")],
            )
        )

    assert await store.flows.latest(flow("other").key) is None
    assert await store.executions.get("e1") is None
    assert await store.executions.task_runs("e1") == []
    assert await store.jobs.waiting() == 0
    assert await store.logs.of_execution("e1") == []
    assert await store.events.pending() == []


async def test_one_bad_batch_fails_nobody_else(store):
    await store.commit(Batch(flows=[flow()]))
    batches = [having(execution(f"e{n}")) for n in range(20)]
    batches[7].flows.append(flow())
    batches[11].executions["e11"] = execution("e11", inputs={"x": object()})

    results = await asyncio.gather(*map(store.commit, batches), return_exceptions=True)

    assert isinstance(results[7], AlreadyExists)
    assert isinstance(results[11], StoreError)
    for number, result in enumerate(results):
        is_good = number not in (7, 11)
        assert (result == []) is is_good
        assert (await store.executions.get(f"e{number}") is not None) is is_good


async def test_a_thousand_commits_at_once_are_all_kept(store):
    async def one(number: int) -> list[int]:
        found = execution(f"e{number}")
        posted = await store.commit(
            Batch(executions={found.id: found}, posted=[ExecutionCreated(execution_id=found.id)])
        )
        assert await store.executions.get(found.id) == found
        return posted

    ids = await asyncio.gather(*map(one, range(1_000)))

    assert len({id for [id] in ids}) == 1_000
    assert len(await store.executions.unsettled()) == 1_000
    assert {each.id: each.event.execution_id for each in await store.events.pending()} == {
        id: f"e{number}" for number, [id] in enumerate(ids)
    }


async def test_a_huge_value_comes_back(store):
    text = "ü" * 8_000_000

    await store.commit(having(execution(inputs={"text": text})))

    assert (await store.executions.get("e1")).inputs["text"] == text


async def test_a_batch_of_many_rows_does_not_hold_up_the_event_loop(store):
    rows = {("e1", ordinal): task_run(ordinal=ordinal) for ordinal in range(20_000)}
    loop = asyncio.get_running_loop()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = loop.create_task(count_turns())
    await store.commit(Batch(task_runs=rows))
    counting.cancel()

    assert turns > 5
    assert len(await store.executions.task_runs("e1")) == 20_000


async def test_a_caller_that_gives_up_does_not_undo_its_commit(store):
    commit = asyncio.create_task(store.commit(having(execution())))
    await asyncio.sleep(0)
    commit.cancel()
    await store.commit(having(execution("e2")))

    assert commit.cancelled()
    assert await store.executions.get("e1") is not None


async def test_closing_finishes_what_was_accepted_and_refuses_the_rest(store):
    commits = [asyncio.create_task(store.commit(having(execution(f"e{n}")))) for n in range(50)]
    await asyncio.sleep(0)

    await store.close()

    assert await asyncio.gather(*commits) == [[]] * 50
    with pytest.raises(StoreError, match="closed"):
        await store.commit(having(execution()))
    with pytest.raises(StoreError, match="closed"):
        await store.executions.get("e1")
    await store.close()

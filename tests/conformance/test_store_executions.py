"""`Executions` beyond searches."""

from __future__ import annotations

import pytest

from batuta.engine.events import ExecutionCreated
from batuta.errors import InvalidRequest
from batuta.model.execution import ExecutionKind
from batuta.model.flow import FlowKey
from batuta.model.state import State
from batuta.store.batch import Batch
from tests.conformance.samples import child, execution, having, history, job, line, metric, task_run, timer


async def test_an_unknown_execution_is_none(store):
    assert await store.executions.get("nobody") is None


async def test_unsettled_executions_come_oldest_first(store):
    done = history(State.CREATED, State.SUCCESS)
    await store.commit(
        having(
            execution("new", state=history(start=9)),
            execution("old", state=history(start=1)),
            execution("ended", state=done, settled=False),
            execution("settled", state=done, settled=True),
        )
    )

    assert [each.id for each in await store.executions.unsettled()] == ["ended", "old", "new"]


async def test_children_are_those_that_tasks_started(store):
    await store.commit(
        having(
            execution("parent"),
            child("second", "parent", state=history(start=2)),
            child("first", "parent", state=history(State.CREATED, State.SUCCESS, start=1), settled=True),
            child("reaction", "parent", task_run_id=None),
            child("grandchild", "first"),
        )
    )

    assert [each.id for each in await store.executions.children("parent")] == ["first", "second"]


async def test_the_latest_execution_of_each_flow_is_a_normal_one(store):
    await store.commit(
        having(
            execution("a1", state=history(start=1)),
            execution("a2", state=history(start=2)),
            execution("a3", state=history(start=3), kind=ExecutionKind.TEST),
            execution("b1", flow_id="other"),
        )
    )
    keys = [FlowKey("company.team", name) for name in ("hello", "never", "other")]

    assert [each.id for each in await store.executions.latest(keys)] == ["a2", "b1"]


async def test_distinct_values_are_sorted_and_limited(store):
    await store.commit(
        having(
            execution("1", namespace="b", state=history(State.RUNNING)),
            execution("2", namespace="a", flow_id="z"),
            execution("3", namespace="c", kind=ExecutionKind.TEST),
        )
    )

    assert await store.executions.distinct("namespace", 2) == ["a", "b"]
    assert await store.executions.distinct("flowId", 10) == ["hello", "z"]
    assert await store.executions.distinct("state", 10) == ["CREATED", "RUNNING"]
    assert await store.executions.distinct("kind", 10) == ["NORMAL", "TEST"]
    with pytest.raises(InvalidRequest) as refused:
        await store.executions.distinct("body; DROP TABLE executions", 10)
    assert "flowId, kind, namespace, state" in str(refused.value)


@pytest.mark.parametrize("logs", [True, False])
async def test_deleting_takes_everything_that_belongs_to_an_execution(store, logs):
    for id in ("e1", "e2"):
        await store.commit(
            Batch(
                executions={id: execution(id)},
                task_runs={(id, 0): task_run(id)},
                jobs=[job(f"run-{id}", execution_id=id)],
                timers=[timer(execution_id=id)],
                logs=[line(execution_id=id)],
                metrics=[metric(execution_id=id)],
                posted=[ExecutionCreated(execution_id=id)],
            )
        )

    assert await store.executions.delete(["e1", "unknown"], logs=logs, metrics=logs) == 1

    assert await store.executions.get("e1") is None
    assert await store.executions.task_runs("e1") == []
    assert [each.execution_id for each in await store.jobs.claim("w", 9, timer().at)] == ["e2"]
    assert [each.execution_id for each in await store.timers.all()] == ["e2"]
    assert [each.event.execution_id for each in await store.events.pending()] == ["e2"]
    assert bool(await store.logs.of_execution("e1")) is not logs
    assert bool(await store.metrics.of_execution("e1")) is not logs
    assert len(await store.logs.of_execution("e2")) == 1


async def test_thousands_can_be_deleted_at_once(store):
    await store.commit(having(*(execution(f"e{n}") for n in range(1_200))))

    assert await store.executions.delete([f"e{n}" for n in range(1_199)]) == 1_199

    assert [each.id for each in await store.executions.unsettled()] == ["e1199"]

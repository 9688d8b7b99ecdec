"""Tasks about other executions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from batuta.engine.events import ResumeRequested
from batuta.model.state import History, State
from batuta.store.batch import Batch
from tests.conformance.samples import NOON, at, execution, history, line, metric


async def have(shop: Any, *executions: Any, **more: Any) -> None:
    await shop.ports.store.commit(Batch(executions={each.id: each for each in executions}, **more))


def ended(id: str, state: State = State.SUCCESS, **given: Any) -> Any:
    return execution(id, state=history(State.CREATED, State.RUNNING, state), settled=True, **given)


async def test_a_paused_execution_is_resumed(shop):
    await have(shop, execution("p", state=history(State.CREATED, State.RUNNING, State.PAUSED)))

    outcome = await shop.run({"type": "core.execution.Resume", "executionId": "p", "inputs": {"ok": True}})

    [event] = shop.heard.of(ResumeRequested)
    assert outcome.state is State.SUCCESS
    assert (event.execution_id, event.inputs) == ("p", {"ok": True})


@pytest.mark.parametrize(
    ("given", "message"),
    [({}, "is not paused"), ({"namespace": "other"}, "There is no execution `e` in `other`")],
)
async def test_what_is_not_paused_or_elsewhere_is_not_resumed(shop, given, message):
    await have(shop, ended("e"))

    outcome = await shop.run({"type": "core.execution.Resume", "executionId": "e", **given})

    assert outcome.state is State.FAILED
    assert message in (await shop.log())[-1]


async def test_executions_are_counted_by_flow(shop):
    await have(
        shop,
        ended("a"),
        ended("b", State.FAILED),
        ended("c", flow_id="other"),
        ended("d", namespace="company.team.below"),
    )

    outcome = await shop.run(
        {
            "type": "core.execution.Count",
            "flows": [
                {"namespace": "company.team", "flowId": "hello"},
                {"namespace": "company.team", "flowId": "none"},
            ],
            "namespaces": ["company.team"],
            "startDate": at(-10).isoformat(),
            "endDate": at(10).isoformat(),
            "expression": "{{ count >= 1 }}",
        }
    )

    assert outcome.outputs == {
        "results": [
            {"namespace": "company.team", "flowId": "hello", "count": 2},
            {"namespace": "company.team", "count": 3},
        ],
        "total": 5,
    }


async def test_states_and_dates_choose_what_is_counted(shop):
    await have(shop, ended("a"), ended("b", State.FAILED))
    document = {
        "type": "core.execution.Count",
        "namespaces": ["company.team"],
        "expression": "{{ true }}",
    }

    failed = await shop.run({**document, "states": ["FAILED"], "startDate": at(-10).isoformat()})
    later = await shop.run({**document, "startDate": at(10).isoformat()})

    assert failed.outputs["total"] == 1
    assert later.outputs["total"] == 0


async def test_a_count_of_nothing_is_refused(shop):
    outcome = await shop.run(
        {"type": "core.execution.Count", "startDate": NOON.isoformat(), "expression": "{{ true }}"}
    )

    assert outcome.state is State.FAILED


async def purge(shop: Any, **given: Any) -> dict[str, int]:
    document = {"type": "core.execution.PurgeExecutions", "endDate": at(60).isoformat(), "batchSize": 2}
    outcome = await shop.run({**document, **given})
    return {name.removesuffix("Count"): count for name, count in outcome.outputs.items()}


async def test_ended_executions_are_purged_with_all_that_is_theirs(shop):
    ids = ["a", "b", "c", "d", "e"]
    await have(
        shop,
        *(ended(each) for each in ids),
        execution("running", state=history(State.CREATED, State.RUNNING)),
        replace(ended("after"), settled=False),
        ended("elsewhere", namespace="company.teams"),
        ended("below", namespace="company.team.below"),
        logs=[line(execution_id="a"), line(execution_id="a"), line(execution_id="running")],
        metrics=[metric(execution_id="b")],
    )
    await shop.ports.storage.put("kestra:///company/team/hello/executions/c/tasks/t/r/x.txt", b"x")

    counts = await purge(shop, namespace="company.team")

    assert counts == {"executions": 6, "logs": 2, "metrics": 1, "storages": 1}
    left = [each for each in (*ids, "running", "after", "elsewhere", "below")]
    kept = [each for each in left if await shop.ports.store.executions.get(each)]
    assert kept == ["running", "after", "elsewhere"]


async def test_a_part_may_be_purged_and_the_executions_kept(shop):
    await have(shop, ended("a"), ended("b"), ended("c"), logs=[line(execution_id="a")])

    counts = await purge(shop, purgeExecution=False, purgeMetric=False)

    assert counts == {"executions": 0, "logs": 1, "metrics": 0, "storages": 0}
    assert await shop.ports.store.executions.get("c")


async def test_flow_states_and_dates_choose_what_is_purged(shop):
    late = History.starting(at(100)).to(State.SUCCESS, at(101))
    await have(
        shop,
        ended("a"),
        ended("b", State.FAILED),
        ended("c", flow_id="other"),
        execution("d", state=late, settled=True),
    )

    counts = await purge(
        shop,
        namespace="company.team",
        flowId="hello",
        states=["FAILED"],
        startDate=(NOON - timedelta(1)).isoformat(),
    )

    assert counts["executions"] == 1
    assert await shop.ports.store.executions.get("b") is None

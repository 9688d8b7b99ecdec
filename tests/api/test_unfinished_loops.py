"""Operations over REST on executions whose Loop or ForEachItem is half through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from batuta.bus.port import ExecutionChanged
from tests.api.conftest import Api

PAUSING = """
id: pausing
namespace: company.team
tasks:
  - id: before
    type: io.kestra.plugin.core.debug.Return
    format: before
  - id: each
    type: io.kestra.plugin.core.flow.Loop
    values: [a, b]
    outputs:
      - id: v
        type: STRING
        value: "{{ item.value }}"
    tasks:
      - id: ask
        type: io.kestra.plugin.core.flow.Pause
  - id: after
    type: io.kestra.plugin.core.debug.Return
    format: "{{ loopOutputs(outputs.each.outputs, 'v') | sort | join(',') }}"
"""
HALF_FAILED = """
id: half
namespace: company.team
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.Loop
    values: [a, b]
    tasks:
      - id: which
        type: io.kestra.plugin.core.flow.If
        condition: "{{ item.value == 'a' }}"
        then:
          - id: fail
            type: io.kestra.plugin.core.execution.Fail
        else:
          - id: ask
            type: io.kestra.plugin.core.flow.Pause
  - id: after
    type: io.kestra.plugin.core.debug.Return
    format: after
"""


async def until(api: Api, execution_id: str, state: str) -> Any:
    """The execution once it is in a state."""
    async with api.ports.bus.subscribe(ExecutionChanged) as changes, asyncio.timeout(30):
        while True:
            found = await api.call("GET", f"/executions/{execution_id}")
            if found["state"]["current"] == state:
                return found
            await anext(aiter(changes))


async def ended_run(api: Api, execution_id: str, task_id: str) -> Any:
    """A task run once it has ended."""
    async with api.ports.bus.subscribe(ExecutionChanged) as changes, asyncio.timeout(30):
        while True:
            execution = await api.call("GET", f"/executions/{execution_id}")
            for run in execution["taskRunList"]:
                if run["taskId"] == task_id and run["state"]["current"] in ("SUCCESS", "FAILED", "KILLED"):
                    return run
            await anext(aiter(changes))


async def iterations(api: Api, execution_id: str) -> dict[str, str]:
    """State of each iteration, by id."""
    filters = f"filters[kind][EQUALS]=LOOP&filters[parentId][EQUALS]={execution_id}"
    found = await api.call("GET", f"/executions/search?size=100&{filters}")
    return {each["id"]: each["state"]["current"] for each in found["results"]}


async def paused(api: Api, execution_id: str, count: int = 2) -> list[str]:
    """Ids of the iterations that are paused, once there are so many."""
    async with api.ports.bus.subscribe(ExecutionChanged) as changes, asyncio.timeout(30):
        while True:
            found = [id for id, state in (await iterations(api, execution_id)).items() if state == "PAUSED"]
            if len(found) == count:
                return found
            await anext(aiter(changes))


async def resume(api: Api, *execution_ids: str) -> None:
    for each in execution_ids:
        await api.call("POST", f"/executions/{each}/actions/resume")


async def begun(api: Api, source: str, flow: str, state: str, count: int = 2) -> str:
    """An execution whose iterations are paused."""
    await api.save(source)
    execution = await api.call("POST", f"/executions/company.team/{flow}")
    await paused(api, execution["id"], count)
    await until(api, execution["id"], state)
    return str(execution["id"])


def run_id(execution: Any, task_id: str) -> str:
    return next(run["id"] for run in execution["taskRunList"] if run["taskId"] == task_id)


def outputs(execution: Any, task_id: str) -> Any:
    return next(run["outputs"] for run in execution["taskRunList"] if run["taskId"] == task_id)


async def test_a_paused_loop_is_restarted_and_its_old_iterations_end(api: Api) -> None:
    id = await begun(api, PAUSING, "pausing", "PAUSED")
    old = await paused(api, id)

    await api.call("POST", f"/executions/{id}/actions/restart")
    for each in old:
        await until(api, each, "KILLED")
    await resume(api, *await paused(api, id))

    done = await until(api, id, "SUCCESS")
    assert outputs(done, "after")["value"] == "a,b"
    assert outputs(done, "each")["terminatedIterations"] == {"SUCCESS": 2}


async def test_a_failed_loop_is_restarted_while_an_iteration_is_paused(api: Api) -> None:
    id = await begun(api, HALF_FAILED, "half", "FAILED", 1)
    [old] = await paused(api, id, 1)

    await api.call("POST", f"/executions/{id}/actions/restart")

    await until(api, old, "KILLED")
    await until(api, id, "FAILED")
    assert sorted((await iterations(api, id)).values()) == ["FAILED", "FAILED", "KILLED", "PAUSED"]


async def test_a_copy_with_another_revision_has_iterations_of_its_own(api: Api) -> None:
    id = await begun(api, PAUSING, "pausing", "PAUSED")
    await api.call(
        "PUT",
        "/flows/company.team/pausing",
        content=PAUSING.replace("format: before", "format: now"),
        headers={"Content-Type": "application/x-yaml"},
    )

    copy = await api.call("POST", f"/executions/{id}/actions/restart?revision=2")
    await resume(api, *await paused(api, copy["id"]))
    done = await until(api, copy["id"], "SUCCESS")

    assert (done["flowRevision"], outputs(done, "after")["value"]) == (2, "a,b")
    await resume(api, *await paused(api, id))
    await until(api, id, "SUCCESS")


@pytest.mark.parametrize("begin", [None, "before", "each"])
async def test_a_replay_has_iterations_of_its_own(api: Api, begin: str | None) -> None:
    id = await begun(api, PAUSING, "pausing", "PAUSED")
    source = await api.call("GET", f"/executions/{id}")
    query = "" if begin is None else f"?taskRunId={run_id(source, begin)}"

    copy = await api.call("POST", f"/executions/{id}/actions/replay{query}")
    await resume(api, *await paused(api, copy["id"]))

    await until(api, copy["id"], "SUCCESS")
    assert (await api.call("GET", f"/executions/{id}"))["state"]["current"] == "PAUSED"


async def test_a_replay_from_behind_the_loop_keeps_what_it_gave(api: Api) -> None:
    id = await begun(api, PAUSING, "pausing", "PAUSED")
    await resume(api, *await paused(api, id))
    source = await until(api, id, "SUCCESS")

    copy = await api.call("POST", f"/executions/{id}/actions/replay?taskRunId={run_id(source, 'after')}")

    done = await until(api, copy["id"], "SUCCESS")
    assert outputs(done, "after")["value"] == "a,b"
    assert await iterations(api, copy["id"]) == {}


async def test_a_replayed_iteration_does_not_touch_the_loop(api: Api) -> None:
    id = await begun(api, PAUSING, "pausing", "PAUSED")
    one, two = await paused(api, id)

    copy = await api.call("POST", f"/executions/{one}/actions/replay")
    await until(api, copy["id"], "PAUSED")
    await resume(api, one, two)

    await until(api, id, "SUCCESS")
    await api.call("DELETE", f"/executions/{copy['id']}/actions/kill")
    await until(api, copy["id"], "KILLED")


async def test_a_kill_ends_the_loop_with_its_iterations(api: Api) -> None:
    id = await begun(api, PAUSING, "pausing", "PAUSED")
    one, _ = await paused(api, id)
    await resume(api, one)
    await until(api, one, "SUCCESS")

    await api.call("DELETE", f"/executions/{id}/actions/kill")

    run = await ended_run(api, id, "each")
    assert run["state"]["current"] == "KILLED"
    assert run["outputs"]["terminatedIterations"] == {"SUCCESS": 1, "KILLED": 1}
    assert sorted((await iterations(api, id)).values()) == ["KILLED", "SUCCESS"]


@pytest.mark.parametrize("state", ["SUCCESS", "FAILED"])
async def test_a_loop_is_marked_while_an_iteration_is_paused(api: Api, state: str) -> None:
    id = await begun(api, HALF_FAILED, "half", "FAILED", 1)
    [left] = await paused(api, id, 1)
    ended = await api.call("GET", f"/executions/{id}")

    await api.call(
        "POST", f"/executions/{id}/actions/state", json={"taskRunId": run_id(ended, "each"), "state": state}
    )

    done = await until(api, id, state)
    assert [run["taskId"] for run in done["taskRunList"]] == (
        ["each", "after"] if state == "SUCCESS" else ["each"]
    )
    await resume(api, left)
    await until(api, left, "SUCCESS")
    assert (await api.call("GET", f"/executions/{id}"))["state"]["current"] == state


async def test_one_iteration_is_resumed_after_the_other(api: Api) -> None:
    id = await begun(api, PAUSING, "pausing", "PAUSED")
    one, two = await paused(api, id)

    await resume(api, one)
    await until(api, one, "SUCCESS")
    assert (await api.call("GET", f"/executions/{id}"))["state"]["current"] == "PAUSED"
    await resume(api, two)

    await until(api, id, "SUCCESS")


FAILS_ONCE = """
id: once
namespace: company.team
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.Loop
    values: [a, b]
    tasks:
      - id: t
        type: io.kestra.plugin.core.execution.Fail
        condition: "{{ taskrun.attemptsCount == 0 and item.value == 'a' }}"
        retry:
          type: constant
          interval: PT0.2S
          maxAttempts: 3
"""


async def test_an_iteration_whose_task_is_retried_is_waited_for(api: Api) -> None:
    await api.save(FAILS_ONCE)

    done = await api.run("company.team/once")

    assert done["state"]["current"] == "SUCCESS"
    assert outputs(done, "each")["terminatedIterations"] == {"SUCCESS": 2}

"""Why executions wait, through the whole program."""

from __future__ import annotations

import asyncio

from batuta.bus.port import ExecutionChanged
from tests.api.conftest import Api


async def start(api: Api, flow: str, query: str = "") -> str:
    made = await api.call("POST", f"/executions/company.team/{flow}{query}")
    return str(made["id"])


async def explained(api: Api, execution_id: str, kind: str) -> dict:
    """The explanation, once its first cause is of this kind."""
    async with api.ports.bus.subscribe(ExecutionChanged) as hints, asyncio.timeout(10):
        while True:
            found = await api.call("GET", f"/executions/{execution_id}/explain")
            if found.get("causes") and found["causes"][0]["kind"] == kind:
                return found
            await anext(aiter(hints))


async def test_a_queued_execution_waits_for_whatever_the_holder_of_the_slot_waits_for(api: Api):
    await api.save(
        """
        id: gate
        namespace: company.team
        concurrency: {limit: 1}
        tasks:
          - id: wait
            type: io.kestra.plugin.core.flow.Pause
            onResume:
              - {id: reason, type: STRING}
              - {id: note, type: STRING, required: false}
        """
    )
    holder = await start(api, "gate")
    await explained(api, holder, "PAUSE")

    queued = await explained(api, await start(api, "gate"), "CONCURRENCY")

    [cause] = queued["causes"]
    assert cause["message"] == "the concurrency limit of company.team.gate is reached: its slot is taken"
    assert cause["command"] == f"batuta execution unqueue {queued['executionId']}"
    [held] = cause["causes"]
    assert held["executionId"] == holder
    assert held["message"] == f"execution {holder} holds a slot and is PAUSED"
    [pause] = held["causes"]
    assert pause["message"] == "`wait` pauses the execution until somebody resumes it"
    assert pause["command"] == f"batuta execution resume {holder} --input reason=VALUE"
    assert pause["since"] > held["since"] or pause["since"] == held["since"]
    first = await api.call("GET", f"/executions/{holder}/explain")
    assert first["notes"] == ["1 execution of its flow waits for a slot such as the one it holds"]


async def test_a_parent_waits_for_what_its_subflow_waits_for(api: Api):
    await api.save(
        """
        id: child
        namespace: company.team
        tasks:
          - {id: ask, type: io.kestra.plugin.core.flow.Approval, timeout: PT1H}
        """
    )
    await api.save(
        """
        id: parent
        namespace: company.team
        tasks:
          - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: company.team, flowId: child}
        """
    )
    parent = await start(api, "parent")

    async with api.ports.bus.subscribe(ExecutionChanged) as hints, asyncio.timeout(10):
        while True:
            [call] = (await explained(api, parent, "SUBFLOW"))["causes"]
            if [each["kind"] for each in call.get("causes", ())] == ["APPROVAL"]:
                break
            await anext(aiter(hints))

    [approval] = call["causes"]
    assert approval["until"] > approval["since"]
    assert approval["command"] == f"batuta execution review {call['executionId']} --approve"
    child = await api.call("GET", f"/executions/{call['executionId']}/explain")
    assert child["notes"] == [f"the task `call` of execution {parent} waits for it"]


async def test_a_date_a_retry_and_an_attempt_are_told_with_their_times(api: Api):
    await api.save(
        """
        id: later
        namespace: company.team
        sla:
          - {id: quick, type: MAX_DURATION, duration: PT1H, behavior: CANCEL}
        tasks:
          - id: both
            type: io.kestra.plugin.core.flow.Parallel
            tasks:
              - {id: sleep, type: io.kestra.plugin.core.flow.Sleep, duration: PT1M}
              - id: shaky
                type: io.kestra.plugin.core.execution.Fail
                retry: {type: constant, interval: PT10M, maxAttempts: 3}
        """
    )
    planned = await start(api, "later", "?scheduleDate=2999-01-01T00:00:00Z")
    running = await start(api, "later")

    [date] = (await explained(api, planned, "SCHEDULE"))["causes"]
    async with api.ports.bus.subscribe(ExecutionChanged) as hints, asyncio.timeout(10):
        while True:
            found = await api.call("GET", f"/executions/{running}/explain")
            kinds = {each["kind"]: each for each in found.get("causes", ())}
            if kinds.keys() == {"WORKER", "RETRY"}:
                break
            await anext(aiter(hints))

    assert date["until"] == "2999-01-01T00:00:00Z"
    assert date["command"] == f"batuta execution force-run {planned}"
    assert kinds["RETRY"]["message"].startswith("`shaky` failed once; its next attempt starts at ")
    assert kinds["WORKER"]["message"].startswith("`sleep` runs on worker ")
    assert found["notes"][0].startswith("the SLA `quick` is violated at ")
    await api.call("DELETE", f"/executions/{running}/kill")


async def test_an_ended_execution_says_how_it_ended_and_how_to_go_on(api: Api):
    await api.save(
        """
        id: broken
        namespace: company.team
        tasks:
          - {id: bad, type: io.kestra.plugin.core.execution.Fail}
        """
    )
    ended = await api.run("company.team/broken")

    found = await api.call("GET", f"/executions/{ended['id']}/explain")

    assert found["message"] == "it has ended in FAILED: the task `bad` failed: Task failure"
    assert found["command"] == f"batuta execution restart {ended['id']}"
    assert "causes" not in found


async def test_an_unknown_execution_is_not_explained(api: Api):
    await api.call("GET", "/executions/nobody/explain", expect=404)

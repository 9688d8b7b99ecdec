"""Why a trigger starts nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from batuta.bus.port import ExecutionChanged
from batuta.model.flow import TriggerDefinition
from batuta.model.trigger import Backfill, TriggerJob, TriggerKind, TriggerRecord, Window
from batuta.web.trigger_causes import TriggerEvidence, explained
from tests.api.conftest import Api

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


DEFINITION = TriggerDefinition(id="t", type="some.Type", written_type="some.Type")
RECORD = TriggerRecord(
    namespace="team.a",
    flow_id="f",
    trigger_id="t",
    kind=TriggerKind.SCHEDULE,
    definition="",
    revision=1,
    created_at=NOON,
    updated_at=NOON,
    next_at=at(3_600),
)


def causes(record: TriggerRecord = RECORD, **more: Any) -> list[Any]:
    evidence = TriggerEvidence(key=record.key, record=record, definition=DEFINITION, **more)
    return list(explained(evidence, NOON, 4).causes)


def test_a_schedule_waits_for_its_next_date():
    [cause] = causes()

    assert (cause.kind, cause.until) == ("DATE", at(3_600))
    assert cause.message == "its next date is 2026-01-01T13:00:00Z"


def test_a_date_that_has_passed_waits_for_a_scheduler():
    [cause] = causes(replace(RECORD, next_at=at(-60)))

    assert "which has passed; no scheduler has dealt with it" in cause.message


def test_a_trigger_that_is_switched_off_says_who_can_switch_it_on():
    [cause] = causes(replace(RECORD, disabled=True, next_at=None))

    assert (cause.kind, cause.command) == ("DISABLED", "batuta trigger enable team.a f t")


@pytest.mark.parametrize(
    ("more", "begins"),
    [
        ({"flow_disabled": True}, "its flow is disabled"),
        ({}, "it is disabled"),
    ],
)
def test_what_is_disabled_in_the_text_is_enabled_there(more, begins):
    definition = replace(DEFINITION, disabled=not more)
    evidence = TriggerEvidence(key=RECORD.key, record=RECORD, definition=definition, **more)

    first, *_ = explained(evidence, NOON, 4).causes

    assert first.message.startswith(begins)


def test_a_source_that_is_down_is_named_with_the_next_try():
    record = replace(
        RECORD,
        kind=TriggerKind.POLLING,
        failing_since=at(-300),
        failures=3,
        problem="the broker is down\n  mend: wait",
        next_at=at(10),
    )

    first, second = causes(record)

    assert (first.kind, first.since, first.until) == ("SOURCE", at(-300), at(10))
    assert first.message == (
        "what it looks at could not be reached, tried 3 times: the broker is down; "
        "it is tried again at 2026-01-01T12:00:10Z"
    )
    assert second.message == "it looks next at 2026-01-01T12:00:10Z"


def test_a_listener_whose_source_is_down_is_tried_again_by_its_worker():
    record = replace(
        RECORD, kind=TriggerKind.REALTIME, failing_since=NOON, failures=1, problem="refused", next_at=None
    )

    assert causes(record)[0].message == (
        "what it looks at could not be reached, tried once: refused; it is tried again soon"
    )


def test_a_listener_that_is_well_listens():
    record = replace(RECORD, kind=TriggerKind.REALTIME, evaluating_since=NOON, next_at=None)
    job = TriggerJob(namespace="team.a", flow_id="f", trigger_id="t", revision=1, since=NOON, worker_id="w1")

    [cause] = causes(record, job=job)

    assert cause.message == "it listens on worker w1, and starts an execution for each message"


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({}, "a worker has to look, and none has begun to"),
        ({"worker_id": "w1", "leased_until": at(60)}, "worker w1 looks"),
        (
            {"worker_id": "w1", "leased_until": at(-60)},
            "worker w1 looks; it has been silent for long, another one will take over",
        ),
    ],
)
def test_a_look_waits_for_a_worker(job, message):
    record = replace(RECORD, kind=TriggerKind.POLLING, evaluating_since=at(-5), next_at=None)
    lease = TriggerJob(namespace="team.a", flow_id="f", trigger_id="t", revision=1, since=NOON, **job)

    assert causes(record, job=lease)[0].message == message


def test_a_lock_whose_execution_is_gone_is_opened_by_people():
    first, *_ = causes(replace(RECORD, execution_id="e1"))

    assert first.message == "it waits for the end of execution e1, which is gone"
    assert first.command == "batuta trigger unlock team.a f t"


@pytest.mark.parametrize(
    ("paused", "message", "command"),
    [
        (True, "its backfill is paused before", "batuta backfill resume team.a f t"),
        (False, "its backfill goes on with", "batuta backfill pause team.a f t"),
    ],
)
def test_a_backfill_says_how_far_it_is(paused, message, command):
    backfill = Backfill(id="b", start=at(-86_400), end=NOON, current=at(-3_600), paused=paused)

    first, *_ = causes(replace(RECORD, backfill=backfill))

    assert first.message == f"{message} 2026-01-01T11:00:00Z, it goes to 2026-01-01T12:00:00Z"
    assert first.command == command


def test_a_trigger_that_the_flow_has_no_longer_is_told():
    evidence = TriggerEvidence(key=RECORD.key, record=RECORD)

    assert "has no such trigger" in explained(evidence, NOON, 4).message


def test_preconditions_that_are_not_met_are_named():
    window = Window(
        namespace="team.a", flow_id="f", name="w", start=NOON, end=NOON + timedelta(days=1), met=("flow:0",)
    )
    conditions = {"flow:0": "the flow team.a.one", "flow:1": "the flow team.a.two"}
    evidence = TriggerEvidence(key=RECORD.key, definition=DEFINITION, window=window, conditions=conditions)

    [cause] = explained(evidence, NOON, 4).causes

    assert cause.message == "1 of 2 preconditions are met, it waits for the flow team.a.two"
    assert cause.until == NOON + timedelta(days=1)


# Through the program

GATE = """
id: gate
namespace: company.team
concurrency: {limit: 1}
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
triggers:
  - id: yearly
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 0 1 1 *"
  - id: call
    type: io.kestra.plugin.core.trigger.Webhook
    key: abc
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    preconditions:
      id: both
      flows:
        - namespace: company.team
          flowId: one
        - namespace: company.team
          flowId: two
"""


async def explanation(api: Api, trigger: str, kind: str) -> Any:
    """What is told of a trigger, once its first cause is of this kind."""
    async with asyncio.timeout(20):
        while True:
            answer = await api.http.get(f"/api/v1/main/triggers/company.team/gate/{trigger}/explain")
            if answer.status_code == 200 and answer.json()["causes"][0]["kind"] == kind:
                return answer.json()
            await asyncio.sleep(0.02)


async def test_a_backfill_waits_for_whatever_its_execution_waits_for(api: Api) -> None:
    await api.save(GATE)
    holder = await api.call("POST", "/executions/company.team/gate")
    await explanation(api, "yearly", "DATE")
    order = {"start": "2020-01-01T00:00:00Z", "end": "2022-01-01T00:00:00Z"}
    trigger = {"namespace": "company.team", "flowId": "gate", "triggerId": "yearly"}
    await api.call("PUT", "/triggers/backfill/create", json={**trigger, "backfill": order})

    async with api.ports.bus.subscribe(ExecutionChanged) as changes, asyncio.timeout(20):
        while True:
            told = await explanation(api, "yearly", "LOCK")
            if (behind := told["causes"][0].get("causes")) and behind[0]["kind"] == "CONCURRENCY":
                break
            await anext(aiter(changes))
    lock, backfill, *_ = told["causes"]
    assert lock["command"] == f"batuta explain {lock['executionId']}"
    assert behind[0]["causes"][0]["executionId"] == holder["id"]
    assert backfill["kind"] == "BACKFILL"
    assert "once the execution before has ended" in backfill["message"]
    execution = await api.call("GET", f"/executions/{lock['executionId']}/explain")
    assert execution["notes"][0].startswith("the backfill of the trigger `yearly` goes on with 2021-")

    await api.call("PUT", "/triggers/backfill/pause", json=trigger)
    execution = await api.call("GET", f"/executions/{lock['executionId']}/explain")
    assert execution["notes"][0].startswith("the backfill of the trigger `yearly` is paused before 2021-")


async def test_triggers_without_a_state_are_explained_from_their_flow(api: Api) -> None:
    await api.save(GATE)

    call = await explanation(api, "call", "MESSAGE")
    after = await explanation(api, "after", "MESSAGE")

    assert call["message"] == "it waits for a call of its address"
    assert after["message"] == (
        "it waits until all of its preconditions are met: "
        "the flow company.team.one, the flow company.team.two"
    )


async def test_what_does_not_exist_is_not_explained(api: Api) -> None:
    await api.save(GATE)

    for path in ("company.team/gate/none", "company.team/none/yearly"):
        told = await api.call("GET", f"/triggers/{path}/explain", expect=404)
        assert "there is no trigger" in told["detail"]


LISTENS = """
id: gate
namespace: company.team
tasks:
  - id: t
    type: io.kestra.plugin.core.debug.Return
triggers:
  - id: down
    type: io.kestra.plugin.core.http.Trigger
    uri: http://127.0.0.1:1/
    interval: PT1H
"""


async def test_a_source_that_is_down_is_told(api: Api) -> None:
    await api.save(LISTENS)

    told = await explanation(api, "down", "SOURCE")

    assert "could not be reached, tried once" in told["message"]
    assert told["causes"][0]["since"]


async def test_the_worker_that_looks_is_told_and_found(api: Api) -> None:
    looked = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        looked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await api.save(LISTENS.replace("127.0.0.1:1/", f"127.0.0.1:{port}/"))
    async with asyncio.timeout(20):
        await looked.wait()

    [state] = (await api.call("GET", "/triggers/company.team/gate"))["results"]
    told = await explanation(api, "down", "WORKER")
    found = await api.call("GET", f"/triggers/search?filters[workerId][EQUALS]={state['workerId']}")

    assert told["message"] == f"worker {state['workerId']} looks"
    assert [each["state"]["workerId"] for each in found["results"]] == [state["workerId"]]
    server.close()

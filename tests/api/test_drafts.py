"""Flows that are saved unfinished (API spec §7)."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.conftest import YAML, Api

BROKEN = "id: plan\nnamespace: company.team\ntasks:\n  - id: later\n    type: nothing.of.the.kind\n"
WHOLE = """
id: plan
namespace: company.team
tasks:
  - id: t
    type: io.kestra.plugin.core.debug.Return
    format: done
triggers:
  - id: call
    type: io.kestra.plugin.core.trigger.Webhook
    key: abc
  - id: daily
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 0 * * *"
"""
CALLS = """
id: calls
namespace: company.team
tasks:
  - id: sub
    type: io.kestra.plugin.core.flow.Subflow
    namespace: company.team
    flowId: plan
"""


async def draft(api: Api, source: str, *, expect: int = 200):
    return await api.call("POST", "/flows?draft=true", content=source, headers=YAML, expect=expect)


async def test_a_draft_may_be_wrong_and_is_shown_with_what_is(api: Api) -> None:
    saved = await draft(api, BROKEN)
    read = await api.call("GET", "/flows/company.team/plan?source=true")

    assert (saved["draft"], saved["revision"], saved["source"]) == (True, 1, BROKEN)
    assert read["draft"] is True
    assert "nothing.of.the.kind" in read["exception"]


async def test_a_normal_save_ends_the_draft_and_wants_a_whole_flow(api: Api) -> None:
    await draft(api, BROKEN)

    await api.call("PUT", "/flows/company.team/plan", content=BROKEN, headers=YAML, expect=422)
    saved = await api.call("PUT", "/flows/company.team/plan", content=WHOLE, headers=YAML)
    again = await api.call("PUT", "/flows/company.team/plan?draft=true", content=WHOLE, headers=YAML)
    same = await api.call("PUT", "/flows/company.team/plan?draft=true", content=WHOLE, headers=YAML)

    assert (saved["draft"], saved["revision"]) == (False, 2)
    assert (again["draft"], again["revision"]) == (True, 3)
    assert same["revision"] == 3


@pytest.mark.parametrize("source", ["id: plan\n", "tasks: []\n", "id: plan\nnamespace: '../x'\n", "a: ["])
async def test_a_draft_needs_a_name(api: Api, source: str) -> None:
    await draft(api, source, expect=422)


async def test_a_draft_is_started_by_people_only(api: Api) -> None:
    await draft(api, WHOLE)
    await api.save(CALLS)

    called = await api.call("POST", "/executions/webhook/company.team/plan/abc", expect=409)
    parent = await api.run("company.team/calls")
    by_hand = await api.run("company.team/plan")

    assert "is a draft" in called["detail"]
    assert parent["state"]["current"] == "FAILED"
    log = await api.call("GET", f"/logs/{parent['id']}")
    assert "Cannot execute a flow which is a draft" in " ".join(line["message"] for line in log)
    assert by_hand["state"]["current"] == "SUCCESS"
    offered = await api.call("GET", "/executions/namespaces/company.team/flows")
    assert [flow["id"] for flow in offered] == ["calls"]


async def test_no_schedule_starts_a_draft(api: Api) -> None:
    await draft(api, WHOLE)

    async with asyncio.timeout(20):
        while True:
            answer = await api.http.get("/api/v1/main/triggers/company.team/plan/daily/explain")
            if answer.status_code == 200 and len(answer.json()["causes"]) == 1:
                break
            await asyncio.sleep(0.02)
    assert answer.json()["message"] == "its flow is a draft, which no trigger starts; save it without `draft`"

    await api.call("PUT", "/flows/company.team/plan", content=WHOLE, headers=YAML)

    async with asyncio.timeout(20):
        while True:
            told = await api.call("GET", "/triggers/company.team/plan/daily/explain")
            if told["message"].startswith("its next date is"):
                return
            await asyncio.sleep(0.02)

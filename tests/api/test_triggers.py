"""Triggers over REST: look, switch, unlock, fill the past (API spec §12)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.api.conftest import Api

YEARLY = """\
id: yearly
namespace: company.team
tasks:
  - {id: date, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.date }}"}
triggers:
  - {id: tick, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 0 1 1 *", timezone: UTC}
  - {id: hook, type: io.kestra.plugin.core.trigger.Webhook, key: abc}
"""
NAME = {"namespace": "company.team", "flowId": "yearly", "triggerId": "tick"}
RANGE = {"start": "2020-01-01T00:00:00Z", "end": "2023-06-01T00:00:00Z"}


async def until(reached: Callable[[], Awaitable[Any]]) -> Any:
    """What `reached` gives once it gives something true."""
    for _ in range(2000):
        found = await reached()
        if found:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


async def state(api: Api) -> Any:
    page = await api.call("GET", "/triggers/company.team/yearly")
    return page["results"][0] if page["results"] else None


@pytest.fixture
async def yearly(api: Api) -> Api:
    await api.save(YEARLY)
    await until(lambda: state(api))
    return api


async def test_a_state_has_the_names_of_both_generations(yearly):
    found = await state(yearly)
    assert found["nextEvaluationDate"] == found["nextExecutionDate"]
    assert found["nextExecutionDate"].endswith("-01-01T00:00:00Z")
    assert (found["kind"], found["disabled"], found["locked"]) == ("SCHEDULE", False, False)


async def test_a_search_gives_definition_and_state_under_both_names(yearly):
    page = await yearly.call("GET", "/triggers/search?filters[namespace][EQUALS]=company.team")
    [found] = page["results"]
    assert page["total"] == 1
    assert found["trigger"] == found["abstractTrigger"]
    assert found["trigger"]["cron"] == "0 0 1 1 *"
    assert found["state"] == found["triggerContext"]
    assert (await yearly.call("GET", "/triggers/search?q=nothing"))["total"] == 0
    await yearly.call("GET", "/triggers/search?filters[nonsense][EQUALS]=1", expect=400)
    await yearly.call("GET", "/triggers/search?sort=nonsense:asc", expect=422)


async def test_a_trigger_is_switched_off_and_on(yearly):
    off = await yearly.call("PUT", "/triggers", json={**NAME, "disabled": True})
    assert off["disabled"]
    assert "nextExecutionDate" not in off
    page = await yearly.call("GET", "/triggers/search?filters[triggerState][EQUALS]=DISABLED")
    assert page["total"] == 1
    on = await yearly.call("PUT", "/triggers/set-disabled", json={**NAME, "disabled": False})
    assert not on["disabled"]


async def test_what_does_not_exist_is_not_found(yearly):
    await yearly.call("PUT", "/triggers", json={**NAME, "triggerId": "other"}, expect=404)
    await yearly.call("POST", "/triggers/company.team/yearly/other/unlock", expect=404)
    await yearly.call("POST", "/triggers/company.team/other/tick/restart", expect=404)
    await yearly.call("DELETE", "/triggers/company.team/yearly/other", expect=404)


async def test_a_webhook_has_no_state_to_switch(yearly):
    answer = await yearly.call("PUT", "/triggers", json={**NAME, "triggerId": "hook"}, expect=409)
    assert "has no state" in answer["detail"]


async def test_only_what_is_locked_can_be_unlocked(yearly):
    answer = await yearly.call("POST", "/triggers/company.team/yearly/tick/unlock", expect=409)
    assert "is not locked" in answer["detail"]


async def test_a_backfill_starts_one_execution_for_each_tick(yearly):
    answer = await yearly.call("PUT", "/triggers/backfill/create", json={**NAME, "backfill": RANGE})
    assert answer["backfill"]["start"] == "2020-01-01T00:00:00Z"

    async def filled() -> bool:
        page = await yearly.call("GET", "/executions/search?state=SUCCESS")
        return page["total"] == 4 and "backfill" not in await state(yearly)

    await until(filled)
    page = await yearly.call("GET", "/executions/search?sort=state.startDate:asc")
    dates = [each["trigger"]["variables"]["date"] for each in page["results"]]
    assert dates == [f"{year}-01-01T00:00:00Z" for year in (2020, 2021, 2022, 2023)]


async def test_a_dry_run_of_a_backfill_tells_its_dates_and_starts_nothing(yearly):
    body = {**NAME, "backfill": RANGE}
    found = await yearly.call("PUT", "/triggers/backfill/create?dryRun=true", json=body)
    assert found["count"] == 4
    assert found["dates"][0] == "2020-01-01T00:00:00Z"
    assert "backfill" not in await state(yearly)


async def test_a_backfill_of_nothing_is_refused(yearly):
    backwards = {"start": RANGE["end"], "end": RANGE["start"]}
    await yearly.call("PUT", "/triggers/backfill/create", json={**NAME, "backfill": backwards}, expect=409)
    await yearly.call("PUT", "/triggers/backfill/create", json=NAME, expect=422)
    await yearly.call(
        "PUT", "/triggers/backfill/create", json={**NAME, "backfill": {"start": "x"}}, expect=400
    )
    for method, path in (("PUT", "pause"), ("PUT", "unpause"), ("POST", "delete")):
        await yearly.call(method, f"/triggers/backfill/{path}", json=NAME, expect=404)


async def test_a_backfill_waits_on_a_trigger_that_is_off_and_can_be_given_up(yearly):
    await yearly.call("PUT", "/triggers", json={**NAME, "disabled": True})
    await yearly.call("PUT", "/triggers/backfill/create", json={**NAME, "backfill": RANGE})
    answer = await yearly.call(
        "PUT", "/triggers/backfill/create", json={**NAME, "backfill": RANGE}, expect=409
    )
    assert "has a backfill already" in answer["detail"]
    assert (await yearly.call("PUT", "/triggers/backfill/pause", json=NAME))["backfill"]["paused"]
    answer = await yearly.call("POST", "/triggers/backfill/delete", json=NAME)
    assert "backfill" not in answer
    assert (await yearly.call("GET", "/executions/search"))["total"] == 0


async def test_many_are_changed_at_once_and_those_it_does_not_suit_are_left_alone(yearly):
    names = [NAME, {**NAME, "triggerId": "other"}]
    answer = await yearly.call("POST", "/triggers/unlock/by-triggers", json=names, expect=202)
    assert answer["count"] == answer["totalItems"] == 0
    body = {"triggers": names, "disabled": True}
    answer = await yearly.call("POST", "/triggers/set-disabled/by-triggers", json=body, expect=202)
    assert answer["count"] == 1
    path = "/triggers/set-disabled/by-query?disabled=false&filters[flowId][EQUALS]=yearly"
    assert (await yearly.call("POST", path, expect=202))["count"] == 1
    await yearly.call("POST", "/triggers/set-disabled/by-query?flowId=yearly", expect=400)


async def test_records_are_deleted_by_filters_in_the_body(yearly):
    filters = [{"field": "flowId", "operation": "EQUALS", "value": "other"}]
    answer = await yearly.call("DELETE", "/triggers/delete/by-query", json={"filters": filters}, expect=202)
    assert answer["count"] == 0
    filters[0]["value"] = "yearly"
    answer = await yearly.call("DELETE", "/triggers/delete/by-query", json={"filters": filters}, expect=202)
    assert answer["count"] == 1
    wrong = [{"field": "nonsense", "operation": "EQUALS", "value": "other"}]
    await yearly.call("DELETE", "/triggers/delete/by-query", json={"filters": wrong}, expect=400)


async def test_the_table_has_a_line_for_each_trigger(yearly):
    text = await yearly.call("GET", "/triggers/export/by-query/csv")
    head, line = text.splitlines()
    assert head.startswith("namespace,flowId,triggerId")
    assert line.startswith("company.team,yearly,tick,SCHEDULE")


async def test_the_preview_lists_ticks_with_zone_and_notes(api):
    await api.save(YEARLY.replace("0 0 1 1 *", "30 2 * * *").replace("UTC", "Europe/Paris"))
    path = "/triggers/company.team/yearly/preview?count=2&from=2026-03-28T12:00:00Z"
    [found] = await api.call("GET", path)
    assert found["timezone"] == "Europe/Paris"
    assert [each["date"] for each in found["ticks"]] == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]
    assert found["ticks"][0]["note"].startswith("clocks are set forward")


async def test_a_task_switches_a_trigger(yearly):
    await yearly.save(
        """\
        id: toggle
        namespace: company.team
        inputs:
          - {id: trigger, type: STRING}
        tasks:
          - id: off
            type: io.kestra.plugin.core.trigger.Toggle
            flowId: yearly
            trigger: "{{ inputs.trigger }}"
        """
    )
    done = await yearly.run("company.team/toggle", trigger="tick")
    assert done["state"]["current"] == "SUCCESS"
    assert (await state(yearly))["disabled"]
    assert (await yearly.run("company.team/toggle", trigger="other"))["state"]["current"] == "FAILED"

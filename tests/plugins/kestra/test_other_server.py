"""Tasks that manage another server, which is a process of its own."""

from __future__ import annotations

import pytest

from tests.plugins.kestra.conftest import LOAD, MORNINGS, WAIT
from tests.plugins.kestra.waiting import first_of, until

KESTRA = "io.kestra.plugin.kestra"


def task(type: str, url: str, *lines: str) -> str:
    """A task about the other server."""
    return "\n".join([f"type: {KESTRA}.{type}", f"kestraUrl: {url}", *lines])


@pytest.fixture
async def there(other):
    """The other server with three flows."""
    for source in (LOAD, WAIT, MORNINGS):
        answer = await other.http.post(
            "/api/v1/main/flows", content=source, headers={"Content-Type": "application/x-yaml"}
        )
        assert answer.status_code in (200, 409, 422)
    await other.scheduled()
    return other


async def test_another_server_is_looked_at(own, there, other_address):
    execution = await there.start("company.team/load")

    flows = await own.outputs(task("flows.List", other_address, "namespace: company.team"))
    names = await own.outputs(task("namespaces.NamespacesWithFlows", other_address + "/"))
    found = await own.outputs(
        task("executions.Query", other_address, "flowId: load", "fetchType: FETCH", "tenantId: main")
    )
    count = await own.outputs(task("executions.Count", other_address, "namespaces: [company.team]"))
    log = await own.outputs(
        task("logs.Fetch", other_address, f"executionId: {execution['id']}", "level: WARN")
    )
    archive = await own.outputs(task("flows.Export", other_address, "namespace: company"))

    assert sorted(flow["id"] for flow in flows["flows"]) == ["load", "wait"]
    assert names["namespaces"] == ["company.team", "company.team.below"]
    assert execution["id"] in [row["id"] for row in found["rows"]]
    assert count["count"] >= 1
    assert log["size"] == 1
    assert archive["flowsZip"].startswith("kestra:///admin/")


async def test_another_server_is_told_what_to_do(own, there, other_address):
    waiting = [(await there.start("company.team/wait", wait=False))["id"] for _ in range(2)]
    for each in waiting:
        await until(there, each, "PAUSED")

    resumed = f"executionId: {waiting[0]}"
    await own.outputs(task("executions.Resume", other_address, resumed, "inputs: {answer: fine}"))
    await until(there, waiting[0], "SUCCESS")
    await own.outputs(task("executions.Kill", other_address, f"executionId: {waiting[1]}"))
    await until(there, waiting[1], "KILLED")
    await own.outputs(task("executions.Delete", other_address, f"executionId: {waiting[1]}"))
    assert (await there.http.get(f"/api/v1/main/executions/{waiting[1]}")).status_code == 404

    which = ["namespace: company.team.below", "flowId: mornings", "trigger: nine", "enabled: false"]
    await own.outputs(task("triggers.Toggle", other_address, *which))
    [state] = (await there.call("GET", "/triggers/company.team.below/mornings"))["results"]
    assert state["disabled"]


async def test_an_address_without_a_server_fails_and_keeps_its_login_secret(own):
    told = await own.refusal(task("flows.List", "http://ann:secret@127.0.0.1:1"))

    assert "The call of `http://127.0.0.1:1` failed" in told
    assert "secret" not in told


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://host"])
async def test_what_is_no_address_is_told(own, url):
    assert "is not an address" in await own.refusal(task("flows.List", url))


MONITOR = f"""
    id: watch
    namespace: admin
    tasks:
      - id: say
        type: io.kestra.plugin.core.log.Log
        message: "{{{{ trigger.data[0].triggerId }}}}: {{{{ trigger.data[0].reason }}}}"
    triggers:
      - id: stuck
        type: {KESTRA}.triggers.ScheduleMonitor
        namespace: company
        includeDisabled: true
        interval: PT1S
"""


async def test_a_schedule_that_starts_nothing_is_noticed(filled):
    state = {"namespace": "company.team.below", "flowId": "mornings", "triggerId": "nine", "disabled": True}
    await filled.call("PUT", "/triggers/set-disabled", json=state)

    await filled.save(MONITOR)

    execution = await first_of(filled, "watch")
    assert execution["trigger"]["variables"]["size"] == 1
    [found] = execution["trigger"]["variables"]["data"]
    assert (found["triggerId"], found["disabled"], found["reason"]) == ("nine", True, "it is disabled")

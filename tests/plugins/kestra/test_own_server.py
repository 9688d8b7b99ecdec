"""Tasks that manage the server on which they run."""

from __future__ import annotations

import io
import zipfile

import pytest

from batuta.errors import TaskError
from batuta.plugins.kestra.instance import Auth, credentials
from tests.plugins.kestra.waiting import until

KESTRA = "io.kestra.plugin.kestra"


async def test_flows_of_a_namespace_are_listed_as_the_api_shows_them(filled):
    outputs = await filled.outputs(f"type: {KESTRA}.flows.List\nnamespace: company.team")

    assert outputs["flows"] == await filled.call("GET", "/flows/company.team")
    assert sorted(flow["id"] for flow in outputs["flows"]) == ["load", "wait"]


async def test_flows_of_the_own_namespace_are_listed_unless_another_is_named(filled):
    outputs = await filled.outputs(f"type: {KESTRA}.flows.List")

    assert [flow["id"] for flow in outputs["flows"]] == ["manage_1"]


def names_in(archive: bytes) -> list[str]:
    return sorted(zipfile.ZipFile(io.BytesIO(archive)).namelist())


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (
            "namespace: company",
            ["company.team.below.mornings.yml", "company.team.load.yml", "company.team.wait.yml"],
        ),
        ("labels: ['team:data']", ["company.team.load.yml"]),
    ],
)
async def test_flows_of_a_namespace_and_below_are_exported(filled, wanted, names):
    run = await filled.run(f"type: {KESTRA}.flows.Export\n{wanted}")

    assert names_in(await filled.file(run, run["outputs"]["flowsZip"])) == names


async def test_flows_that_are_named_are_exported(filled):
    run = await filled.run(
        f"""
        type: {KESTRA}.flows.ExportById
        flows:
          - id: load
            namespace: company.team
        """
    )

    assert names_in(await filled.file(run, run["outputs"]["flowsZip"])) == ["company.team.load.yml"]


async def test_a_flow_that_is_not_there_is_not_exported(filled):
    told = await filled.refusal(
        f"type: {KESTRA}.flows.ExportById\nflows: [{{id: none, namespace: company.team}}]"
    )

    assert "the server answers 404" in told
    assert "none" in told


async def test_namespaces_are_listed_with_parents_or_only_those_with_flows(filled):
    everything = await filled.outputs(f"type: {KESTRA}.namespaces.List")
    with_flows = await filled.outputs(f"type: {KESTRA}.namespaces.NamespacesWithFlows")
    below = await filled.outputs(f"type: {KESTRA}.namespaces.List\nprefix: company.")
    second = await filled.outputs(f"type: {KESTRA}.namespaces.List\nprefix: company\npage: 2\nsize: 2")
    older = await filled.outputs(f"type: {KESTRA}.flows.DistinctNamespaces\nprefix: company")

    assert {"admin", "company", "company.team", "company.team.below"} <= set(everything["namespaces"])
    assert with_flows["namespaces"] == ["admin", "company.team", "company.team.below"]
    assert below["namespaces"] == ["company.team", "company.team.below"]
    assert second["namespaces"] == ["company.team.below"]
    assert older["namespaces"] == ["company.team", "company.team.below"]


async def test_executions_are_found_and_kept_as_rows(filled):
    started = [(await filled.start("company.team/load"))["id"] for _ in range(3)]

    outputs = await filled.outputs(
        f"""
        type: {KESTRA}.executions.Query
        namespace: company
        states: [SUCCESS]
        timeRange: PT1H
        size: 2
        fetchType: FETCH
        """
    )

    assert outputs["size"] == 3
    assert sorted(row["id"] for row in outputs["rows"]) == sorted(started)
    assert outputs["rows"][0]["state"]["current"] == "SUCCESS"
    assert "uri" not in outputs


async def test_executions_are_stored_as_a_row_file_by_default(filled):
    await filled.start("company.team/load")

    run = await filled.run(f"type: {KESTRA}.executions.Query\nflowId: load")

    assert run["outputs"]["size"] == 1
    content = await filled.file(run, run["outputs"]["uri"])
    assert content.count(b"\n") == 1
    assert b'flowId:"load"' in content


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ("fetchType: FETCH_ONE", 1),
        ("fetchType: NONE", 2),
        ("fetchType: FETCH\npage: 2\nsize: 1", 1),
        ("fetchType: FETCH\nlabels: {team: data}", 2),
        ("fetchType: FETCH\nlabels: {team: other}", 0),
        ("fetchType: FETCH\nchildFilter: CHILD", 0),
        ("fetchType: FETCH\nflowScopes: [SYSTEM]", 0),
        ("fetchType: FETCH\nendDate: 2020-01-01T00:00:00Z", 0),
    ],
)
async def test_filters_and_pages_choose_what_is_found(filled, more, size):
    for _ in range(2):
        await filled.start("company.team/load")

    outputs = await filled.outputs(f"type: {KESTRA}.executions.Query\nnamespace: company\n{more}")

    assert outputs["size"] == size
    assert ("row" in outputs) == ("FETCH_ONE" in more)


async def test_executions_are_counted(filled):
    for _ in range(2):
        await filled.start("company.team/load")

    outputs = await filled.outputs(
        f"""
        type: {KESTRA}.executions.Count
        flows:
          - namespace: company.team
            flowId: load
          - namespace: company.team
            flowId: wait
        states: [SUCCESS]
        startDate: "{{{{ now() | dateAdd(-1, 'DAYS') }}}}"
        expression: "{{{{ count > 0 }}}}"
        """
    )

    assert outputs["count"] == outputs["total"] == 2
    assert outputs["results"] == [{"namespace": "company.team", "flowId": "load", "count": 2}]


async def test_a_count_that_does_not_fit_is_none(filled):
    await filled.start("company.team/load")

    outputs = await filled.outputs(
        f"""
        type: {KESTRA}.executions.Count
        namespaces: [company.team]
        expression: "{{{{ count >= 5 }}}}"
        """
    )

    assert outputs["count"] == 0


async def test_an_execution_that_has_ended_is_deleted(filled):
    execution = await filled.start("company.team/load")

    await filled.outputs(f"type: {KESTRA}.executions.Delete\nexecutionId: {execution['id']}")

    assert (await filled.http.get(f"/api/v1/main/executions/{execution['id']}")).status_code == 404
    assert await filled.call("GET", f"/logs/{execution['id']}") == []


async def paused(server):
    """An execution that waits."""
    execution = await server.start("company.team/wait", wait=False)
    return await until(server, execution["id"], "PAUSED")


async def test_an_execution_that_goes_on_is_not_deleted_and_none_deletes_itself(filled):
    execution = await paused(filled)

    going = await filled.refusal(f"type: {KESTRA}.executions.Delete\nexecutionId: {execution['id']}")
    own = await filled.refusal(f'type: {KESTRA}.executions.Delete\nexecutionId: "{{{{ execution.id }}}}"')

    assert "is PAUSED; only one that has ended can be deleted" in going
    assert "An execution cannot delete itself" in own


async def test_a_paused_execution_is_resumed_with_inputs(filled):
    execution = await paused(filled)

    await filled.outputs(
        f"""
        type: {KESTRA}.executions.Resume
        executionId: {execution["id"]}
        inputs:
          answer: yes please
        """
    )

    ended = await until(filled, execution["id"], "SUCCESS")
    assert ended["taskRunList"][0]["outputs"]["onResume"] == {"answer": "yes please"}


async def test_what_is_not_paused_is_not_resumed(filled):
    execution = await filled.start("company.team/load")

    told = await filled.refusal(f"type: {KESTRA}.executions.Resume\nexecutionId: {execution['id']}")

    assert "the server answers 409" in told


async def test_an_execution_is_killed_and_one_that_has_ended_stays(filled):
    waiting, ended = await paused(filled), await filled.start("company.team/load")

    await filled.outputs(f"type: {KESTRA}.executions.Kill\nexecutionId: {waiting['id']}")
    await filled.outputs(f"type: {KESTRA}.executions.Kill\nexecutionId: {ended['id']}\npropagateKill: false")

    await until(filled, waiting["id"], "KILLED")
    await until(filled, ended["id"], "SUCCESS")


async def test_an_execution_kills_itself(filled):
    run = await filled.run(f"type: {KESTRA}.executions.Kill")

    execution = await filled.call("GET", f"/executions/{run['executionId']}")
    assert execution["state"]["current"] == "KILLED"


async def test_a_trigger_is_switched_off_and_on(filled):
    for enabled in (False, True):
        await filled.outputs(
            f"""
            type: {KESTRA}.triggers.Toggle
            namespace: company.team.below
            flowId: mornings
            trigger: nine
            enabled: {str(enabled).lower()}
            """
        )

        [state] = (await filled.call("GET", "/triggers/company.team.below/mornings"))["results"]
        assert state["disabled"] is not enabled


async def test_a_trigger_that_is_not_there_is_not_switched(filled):
    told = await filled.refusal(f"type: {KESTRA}.triggers.Toggle\nflowId: none\ntrigger: nine")

    assert "the server answers 404" in told


async def test_the_log_of_an_execution_is_stored(filled):
    execution = await filled.start("company.team/load")

    run = await filled.run(
        f"""
        type: {KESTRA}.logs.Fetch
        executionId: {execution["id"]}
        level: WARN
        tasksId: [say, warn]
        """
    )

    content = await filled.file(run, run["outputs"]["uri"])
    assert run["outputs"]["size"] == 1
    assert b'message:"slowly"' in content
    assert b"timestamp:2" in content


async def test_half_a_flow_is_no_flow_of_a_log(filled):
    told = await filled.refusal(f"type: {KESTRA}.logs.Fetch\nflowId: load")

    assert "`namespace` and `flowId` go together" in told


async def test_there_is_only_one_tenant_here(filled):
    told = await filled.refusal(f"type: {KESTRA}.flows.List\ntenantId: sales")

    assert "there is no tenant of this name" in told


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        (None, {}),
        (Auth(), {}),
        (Auth(api_token="t"), {"headers": {"Authorization": "Bearer t"}}),
        (Auth(username="ann", password="p"), {"auth": ("ann", "p")}),
    ],
)
def test_who_asks_is_told_in_one_way(auth, sent):
    assert credentials(auth) == sent


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        (Auth(api_token="t", username="ann", password="p"), "both an API token and a user name"),
        (Auth(username="ann"), "`password` is missing"),
        (Auth(password="p"), "`username` is missing"),
    ],
)
def test_who_asks_is_told_whole_and_once(auth, message):
    with pytest.raises(TaskError, match=message):
        credentials(auth)

"""Inputs and outputs that are too large for a row are moved to internal storage by themselves."""

from __future__ import annotations

from pathlib import Path

from batuta.model.execution import Execution
from tests.api.conftest import Api

TEN_MB = 10_000_000

BIG = """
id: big
namespace: company.team
inputs:
  - id: text
    type: STRING
  - id: rows
    type: JSON
    defaults: "[]"
tasks:
  - id: copy
    type: io.kestra.plugin.core.debug.Return
    format: "{{ inputs.text }}"
  - id: measure
    type: io.kestra.plugin.core.debug.Return
    format: "{{ outputs.copy.value | length }} {{ inputs.text | length }} {{ inputs.rows | length }}"
  - id: whole
    type: io.kestra.plugin.core.debug.Return
    format: "{{ (outputs.copy | json) | length }} {{ outputs['copy'].value | slice(0, 3) }}"
outputs:
  - id: all
    type: STRING
    value: "{{ outputs.copy.value }}"
"""


def sizes_of_database(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("batuta.db*"))


def values_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("values/*") if path.is_file())


async def row_of(api: Api, execution_id: str) -> Execution:
    row = await api.ports.store.executions.get(execution_id)
    assert row is not None
    return row


async def test_expressions_see_the_values_that_rows_do_not_hold(api: Api, tmp_path: Path) -> None:
    await api.save(BIG)

    ended = await api.run("company.team/big", text="x" * TEN_MB, rows=str(list(range(30_000))))

    assert ended["state"]["current"] == "SUCCESS"
    by_task = {run["taskId"]: run["outputs"] for run in ended["taskRunList"]}
    assert by_task["measure"] == {"value": f"{TEN_MB} {TEN_MB} 30000"}
    assert by_task["whole"] == {"value": f"{TEN_MB + 12} xxx"}
    # People see where the value is; the row stays small.
    assert by_task["copy"]["value"].startswith("kestra:///company/team/big/executions/")
    assert ended["inputs"]["text"].startswith("kestra:///company/team/big/executions/")
    assert len(str(await row_of(api, ended["id"]))) < 10_000
    assert len(values_of(tmp_path)) == 4


async def test_the_routes_of_outputs_give_the_values_themselves(api: Api) -> None:
    await api.save(BIG)
    ended = await api.run("company.team/big", text="y" * 100_000)
    run = next(run for run in ended["taskRunList"] if run["taskId"] == "copy")

    listed = await api.call("GET", f"/outputs/tasks/{ended['id']}")

    # Up to a size the execution itself shows them too.
    assert run["outputs"] == {"value": "y" * 100_000}
    assert {each["taskId"]: each["inline"] for each in listed} == {
        "copy": False,
        "measure": True,
        "whole": True,
    }
    assert await api.call("GET", f"/outputs/tasks/{ended['id']}/{run['id']}") == {"value": "y" * 100_000}
    assert await api.call("GET", f"/outputs/executions/{ended['id']}") == {"all": "y" * 100_000}
    evaluated = await api.call(
        "POST",
        f"/executions/{ended['id']}/eval/{run['id']}",
        content="{{ outputs.copy.value | length }}",
        headers={"Content-Type": "text/plain"},
    )
    assert evaluated["result"] == "100000"


async def test_a_replay_has_values_of_its_own_and_a_deletion_takes_them(api: Api, tmp_path: Path) -> None:
    await api.save(BIG)
    first = await api.run("company.team/big", text="z" * 100_000)
    run = next(run for run in first["taskRunList"] if run["taskId"] == "measure")

    again = await api.call("POST", f"/executions/{first['id']}/replay?taskRunId={run['id']}&wait=true")
    again = await _ended(api, again["id"])
    await api.call("DELETE", f"/executions/{first['id']}", expect=204)

    assert again["state"]["current"] == "SUCCESS"
    assert {first["id"] in str(path) for path in values_of(tmp_path)} == {False}
    outputs = await api.call("GET", f"/outputs/executions/{again['id']}")
    assert outputs == {"all": "z" * 100_000}
    await api.call("DELETE", f"/executions/{again['id']}", expect=204)
    assert values_of(tmp_path) == []


async def test_a_parent_keeps_what_its_subflow_gave(api: Api) -> None:
    await api.save(BIG)
    await api.save("""
        id: parent
        namespace: company.team
        tasks:
          - id: child
            type: io.kestra.plugin.core.flow.Subflow
            namespace: company.team
            flowId: big
            inputs:
              text: "{{ range(0, 30000) | join(',') }}"
          - id: measure
            type: io.kestra.plugin.core.debug.Return
            format: "{{ outputs.child.outputs.all | length }}"
        """)

    ended = await api.run("company.team/parent")

    child = next(run for run in ended["taskRunList"] if run["taskId"] == "child")
    await api.call("DELETE", f"/executions/{child['outputs']['executionId']}", expect=204)
    by_task = {run["taskId"]: run for run in ended["taskRunList"]}
    assert by_task["measure"]["outputs"] == {"value": str(len(",".join(map(str, range(30_001)))))}
    given = await api.call("GET", f"/outputs/tasks/{ended['id']}/{child['id']}")
    assert given["outputs"]["all"].endswith(",30000")


async def test_outputs_of_the_flow_may_ask_for_an_outside_value_after_an_inline_task(api: Api) -> None:
    await api.call("PUT", "/namespaces/company.team/kv/answer", content="42")
    await api.save("""
        id: asks
        namespace: company.team
        tasks:
          - id: only
            type: io.kestra.plugin.core.debug.Return
            format: "{{ kv('answer') }}"
        outputs:
          - id: answer
            type: INT
            value: "{{ kv('answer') }}"
        """)

    ended = await api.run("company.team/asks")

    assert ended["outputs"] == {"answer": 42}


async def _ended(api: Api, execution_id: str) -> dict:
    from tests.api.test_executions import reaches

    return await reaches(api, execution_id, "SUCCESS")

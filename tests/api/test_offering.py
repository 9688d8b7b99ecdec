"""What editors offer for the expressions of a flow that is being written."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import YAML, Api

FLOW = """
id: load
namespace: company.team
inputs:
  - id: day
    type: DATE
    description: Which day.
  - id: nested.name
    type: STRING
variables:
  base: /data
  odd-name: 1
tasks:
  - id: fetch-it
    type: io.kestra.plugin.core.http.Download
    uri: http://localhost/
  - id: choose
    type: io.kestra.plugin.core.flow.Switch
    value: x
    cases:
      x:
        - id: inner
          type: io.kestra.plugin.core.debug.Return
  - id: last
    type: io.kestra.plugin.core.debug.Return
    format: "{{
"""


async def offered(api: Api, source: str = FLOW.replace('"{{', "ready"), query: str = "") -> dict[str, Any]:
    answer = await api.call("POST", f"/flows/expressions{query}", content=source, headers=YAML)
    return {
        category: {each["name"]: each for each in items} for category, items in answer["categories"].items()
    }


async def test_inputs_variables_and_outputs_are_written_as_they_have_to_be(api: Api) -> None:
    found = await offered(api)

    assert found["inputs"]["day"] == {
        "name": "day", "expression": "inputs.day", "type": "DATE", "description": "Which day."
    }  # fmt: skip
    assert found["inputs"]["nested.name"]["expression"] == "inputs.nested.name"
    assert found["variables"]["odd-name"]["expression"] == "vars['odd-name']"
    assert found["taskOutputs"]["fetch-it.uri"]["expression"] == "outputs['fetch-it'].uri"
    assert found["taskOutputs"]["inner.value"]["expression"] == "outputs.inner.value"
    assert found["executionContext"]["execution.id"]["description"] == "Id of the execution."
    assert found["filters"]["upper"]["description"]
    assert found["functions"]["kv"]["expression"].startswith("kv(key")
    assert found["appContext"] == {}


async def test_only_what_ran_before_a_task_is_offered_to_it(api: Api) -> None:
    found = await offered(api, query="?taskId=inner")

    assert {name.partition(".")[0] for name in found["taskOutputs"]} == {"fetch-it"}


async def test_what_the_namespace_has_is_offered(api: Api) -> None:
    await api.call("PUT", "/namespaces/company/secrets", json={"key": "TOKEN", "value": "hidden"})
    for namespace, value in (("company", "1"), ("company.team", "2")):
        await api.call("PUT", f"/namespaces/{namespace}/kv/shared", content=value)
    await api.call(
        "POST", "/namespaces/company.team/files?path=/sql/load.sql", files={"fileContent": b"select 1"}
    )

    found = await offered(api)

    assert found["kvPairs"]["shared"]["expression"] == "kv('shared')"
    assert found["namespaceFiles"]["sql/load.sql"]["expression"] == "read('nsfile:///sql/load.sql')"
    assert found["secrets"]["TOKEN"] == {"name": "TOKEN", "expression": "secret('TOKEN')"}


async def test_a_flow_that_is_half_written_is_offered_what_it_has(api: Api) -> None:
    found = await offered(api, "inputs: [{id: a}, 3]\ntasks: [{id: t, type: none}, {type: x}]\n")

    assert found["inputs"]["a"]["type"] == "STRING"
    assert found["taskOutputs"] == {}
    assert found["secrets"] == {}


async def test_what_is_no_yaml_is_refused(api: Api) -> None:
    told = await api.call("POST", "/flows/expressions", content="a: [", headers=YAML, expect=422)

    assert told["detail"]

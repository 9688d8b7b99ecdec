"""Test suites over REST: kept, checked, run, and what came of it."""

from __future__ import annotations

from textwrap import dedent

from tests.api.conftest import HELLO, YAML

SUITE = """\
id: greetings
namespace: company.team
flowId: greet
testCases:
  - id: ada
    type: io.kestra.core.tests.flow.UnitTest
    fixtures:
      inputs: {who: Ada}
      tasks: [{id: send}]
    assertions:
      - {value: "{{ outputs.say.value }}", equalTo: hello Ada}
  - id: entry
    type: io.kestra.core.test.flow.UnitTest
    fixtures:
      tasks: [{id: send}]
    assertions:
      - {value: "{{ kv('word') }} {{ read('data.txt') }}", equalTo: salt and pepper}
"""
FLOW = """\
id: greet
namespace: company.team
inputs:
  - {id: who, type: STRING, defaults: you}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: "hello {{ inputs.who }}"}
  - {id: send, type: io.kestra.plugin.core.http.Request, uri: "http://127.0.0.1:9/"}
"""
PLACE = "/tests/company.team/greetings"


async def kept(api, source: str = SUITE):
    await api.save(FLOW)
    return await api.call("POST", "/tests", content=dedent(source), headers=YAML)


def verdicts(result) -> dict[str, str]:
    return {each["testId"]: each["state"] for each in result["results"]}


async def test_a_suite_is_kept_as_it_was_sent(api):
    created = await kept(api)

    read = await api.call("GET", PLACE)
    assert created == read
    assert (read["id"], read["namespace"], read["flowId"]) == ("greetings", "company.team", "greet")
    assert (read["source"], read["disabled"], read["deleted"]) == (SUITE, False, False)
    assert read["testCases"][0]["fixtures"]["inputs"] == {"who": "Ada"}


async def test_a_suite_is_kept_once_and_changed_under_its_name(api):
    await kept(api)

    await api.call("POST", "/tests", content=SUITE, headers=YAML, expect=422)
    changed = await api.call("PUT", PLACE, content=SUITE + "description: more\n", headers=YAML)
    await api.call("PUT", PLACE, content=SUITE.replace("greetings", "other"), headers=YAML, expect=422)
    await api.call("PUT", "/tests/company.team/other", content=SUITE, headers=YAML, expect=404)
    assert changed["description"] == "more"


async def test_a_suite_that_is_wrong_is_refused_with_every_place(api):
    await api.save(FLOW)

    wrong = SUITE.replace("equalTo: hello", "equals: hello").replace("flowId: greet", "flow: greet")
    refused = await api.call("POST", "/tests", content=wrong, headers=YAML, expect=422)
    unknown = await api.call(
        "POST", "/tests", content=SUITE.replace("{id: send}", "{id: sent}"), headers=YAML, expect=422
    )
    lost = await api.call(
        "POST", "/tests", content=SUITE.replace("flowId: greet", "flowId: gone"), headers=YAML, expect=422
    )

    assert [each["line"] for each in refused["errors"]] == [1, 3, 11, 11]
    assert unknown["errors"][0]["fix"] == "did you mean `send`?"
    assert lost["detail"] == "flowId: there is no flow company.team.gone"


async def test_validation_keeps_nothing(api):
    await api.save(FLOW)

    good = await api.call("POST", "/tests/validate", content=SUITE, headers=YAML)
    bad = await api.call(
        "POST", "/tests/validate", content=SUITE.replace("id: send", "id: sent"), headers=YAML
    )

    assert "constraints" not in good
    assert "`sent` is not a task of the flow company.team.greet" in bad["constraints"]
    await api.call("GET", PLACE, expect=404)


async def test_a_run_sees_entries_and_files_of_the_namespace(api):
    await kept(api)
    await api.call("PUT", "/namespaces/company.team/kv/word", content='"salt"')
    await api.call(
        "POST",
        "/namespaces/company.team/files?path=/data.txt",
        files={"fileContent": ("data.txt", b"and pepper")},
    )

    result = await api.call("POST", f"{PLACE}/run")

    assert (result["testSuiteId"], result["state"]) == ("greetings", "SUCCESS"), result
    assert verdicts(result) == {"ada": "SUCCESS", "entry": "SUCCESS"}
    assert result["results"][0]["assertionResults"][0] | {"line": 0} == {
        "value": "{{ outputs.say.value }}",
        "operator": "equalTo",
        "expected": "hello Ada",
        "actual": "hello Ada",
        "isSuccess": True,
        "taskId": None,
        "description": None,
        "errorMessage": None,
        "line": 0,
    }


async def test_some_cases_of_a_suite_can_be_run(api):
    await kept(api)

    result = await api.call("POST", f"{PLACE}/run", json={"testCases": ["ada"]})

    assert verdicts(result) == {"ada": "SUCCESS"}


async def test_a_run_leaves_no_execution_and_changes_nothing(api):
    await kept(api)

    await api.call("POST", f"{PLACE}/run")

    found = await api.call("GET", "/executions/search")
    assert found["total"] == 0


async def test_a_suite_whose_flow_has_changed_says_so(api):
    await kept(api)
    await api.call(
        "PUT", "/flows/company.team/greet", content=FLOW.replace("id: send", "id: post"), headers=YAML
    )

    result = await api.call("POST", f"{PLACE}/run")

    assert verdicts(result) == {"ada": "ERROR", "entry": "ERROR"}
    assert "`send` is not a task" in result["results"][0]["errors"][0]["message"]


async def test_subflows_are_those_of_the_server(api):
    await api.save(HELLO)
    await api.save(
        "id: outer\nnamespace: company.team\ntasks:\n"
        "  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: company.team, flowId: hello}\n"
    )
    suite = (
        "id: s\nnamespace: company.team\nflowId: outer\ntestCases:\n"
        "  - id: c\n    type: io.kestra.core.tests.flow.UnitTest\n"
        "    assertions: [{value: '{{ execution.state }}', equalTo: SUCCESS}]\n"
    )
    await api.call("POST", "/tests", content=suite, headers=YAML)

    result = await api.call("POST", "/tests/company.team/s/run")

    assert verdicts(result) == {"c": "SUCCESS"}, result


async def test_results_are_kept_and_found(api):
    await kept(api)
    first = await api.call("POST", f"{PLACE}/run")
    second = await api.call("POST", f"{PLACE}/run")

    one = await api.call("GET", f"/tests/results/{first['id']}")
    every = await api.call("GET", "/tests/results/search?testSuiteId=greetings&flowId=greet")
    none = await api.call("GET", "/tests/results/search?namespace=company.other")
    last = await api.call(
        "POST",
        "/tests/results/search/last",
        json={"testSuiteIds": [{"namespace": "company.team", "id": "greetings"}]},
    )

    assert one == first
    assert [each["id"] for each in every["results"]] == [second["id"], first["id"]]
    assert (every["total"], none["total"]) == (2, 0)
    assert [each["id"] for each in last["results"]] == [second["id"]]
    await api.call("GET", "/tests/results/unknown", expect=404)


async def test_suites_are_found_by_namespace_and_flow(api):
    await kept(api)

    async def total(query: str) -> int:
        return (await api.call("GET", f"/tests/search?{query}"))["total"]

    assert await total("") == 1
    assert await total("namespace=company") == 1
    assert await total("namespace=company&includeChildNamespaces=false") == 0
    assert await total("namespace=company.team&flowId=greet") == 1
    assert await total("flowId=other") == 0


async def test_all_suites_that_fit_are_run(api):
    await kept(api)

    done = await api.call("POST", "/tests/run", json={"namespace": "company", "includeChildNamespaces": True})

    assert (done["numberOfTestSuitesToBeRun"], done["numberOfTestCasesToBeRun"]) == (1, 2)
    assert [each["testSuiteId"] for each in done["results"]] == ["greetings"]


async def test_suites_are_switched_off_and_on_and_removed(api):
    await kept(api)
    body = {"ids": [{"namespace": "company.team", "id": "greetings"}]}

    assert await api.call("POST", "/tests/disable/by-ids", json=body) == {"count": 1}
    skipped = await api.call("POST", f"{PLACE}/run")
    assert await api.call("POST", "/tests/enable/by-ids", json=body) == {"count": 1}
    enabled = await api.call("GET", PLACE)
    removed = await api.call("DELETE", "/tests/by-ids", json=body)

    assert (skipped["state"], verdicts(skipped)["ada"]) == ("SKIPPED", "SKIPPED")
    assert (enabled["disabled"], removed) == (False, {"count": 1})
    await api.call("GET", PLACE, expect=404)
    assert (await api.call("GET", "/tests/results/search"))["total"] == 0
    await api.call("DELETE", "/tests/by-ids", json=body, expect=404)
    await api.call("DELETE", PLACE, expect=404)


async def test_editors_get_a_schema_of_suites(api):
    schema = await api.call("GET", "/plugins/schemas/testsuites")

    suite = schema["definitions"][schema["$ref"].removeprefix("#/definitions/")]
    assert suite["required"] == ["id", "namespace", "flowId", "testCases"]

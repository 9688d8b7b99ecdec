from __future__ import annotations

import re

import pytest

from tests.api.conftest import Api

INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+Z")

TYPED = """
id: typed
namespace: company.team
inputs:
  - id: n
    type: INT
    min: 1
    max: 5
  - id: f
    type: FILE
    required: false
    extension: .upl
  - id: choice
    type: SELECT
    values: [a, b]
    defaults: a
tasks:
  - id: show
    type: io.kestra.plugin.core.debug.Return
    format: "{{ inputs.n }}"
"""
FAILING = """
id: failing
namespace: company.team
tasks:
  - id: boom
    type: io.kestra.plugin.core.execution.Fail
"""
PAUSED = """
id: paused
namespace: company.team
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - id: why
        type: STRING
  - id: next
    type: io.kestra.plugin.core.debug.Return
    format: "{{ outputs.wait.onResume.why }}"
"""


async def reaches(api: Api, execution_id: str, state: str) -> dict:
    """The execution once it is in a state."""
    from batuta.bus.port import ExecutionChanged

    async with api.ports.bus.subscribe(ExecutionChanged) as hints:
        while True:
            found = await api.call("GET", f"/executions/{execution_id}")
            if found["state"]["current"] == state:
                return found
            await anext(hints)


async def test_a_created_execution_is_told_as_the_contract_wants(hello: Api):
    created = await hello.call(
        "POST", "/executions/company.team/hello?labels=a:b", files={"who": (None, "Ada")}
    )

    id = created["id"]
    date = created["state"]["startDate"]
    assert INSTANT.fullmatch(date)
    assert re.fullmatch(r"PT[\d.]+S", created["state"].pop("duration"))
    assert created == {
        "tenantId": "main",
        "id": id,
        "namespace": "company.team",
        "flowId": "hello",
        "flowRevision": 1,
        "inputs": {"who": "Ada"},
        "labels": [
            {"key": "team", "value": "data"},
            {"key": "a", "value": "b"},
            {"key": "system.from", "value": "api"},
            {"key": "system.correlationId", "value": id},
        ],
        "state": {"current": "CREATED", "histories": [{"state": "CREATED", "date": date}], "startDate": date},
        "originalId": id,
        "deleted": False,
        "metadata": {"attemptNumber": 1, "originalCreatedDate": date},
        "url": f"http://localhost:8080/ui/main/executions/company.team/hello/{id}",
    }


async def test_waiting_for_an_execution_gives_its_end(hello: Api):
    done = await hello.run("company.team/hello", who="Ada")

    assert done["state"]["current"] == "SUCCESS"
    assert done["inputs"] == {"who": "Ada"}
    assert done["outputs"] == {"final": done["id"]}
    assert [run["taskId"] for run in done["taskRunList"]] == ["say", "back"]


async def test_a_task_run_is_told_as_the_contract_wants(hello: Api):
    done = await hello.run("company.team/hello")

    say, back = done["taskRunList"]
    assert list(say) == [
        "id",
        "executionId",
        "namespace",
        "flowId",
        "taskId",
        "attempts",
        "outputs",
        "state",
    ]
    assert say["outputs"] == {}
    assert back["outputs"] == {"value": done["id"]}
    assert say["state"]["endDate"] == say["state"]["histories"][-1]["date"]
    (attempt,) = say["attempts"]
    assert [moment["state"] for moment in attempt["state"]["histories"]] == ["CREATED", "RUNNING", "SUCCESS"]


async def test_paths_without_tenant_and_with_trigger_are_the_same_route(hello: Api):
    for path in ("/api/v1/executions/company.team/hello", "/api/v1/executions/trigger/company.team/hello"):
        answer = await hello.http.post(path)
        assert answer.status_code == 200, answer.text


async def test_an_empty_body_without_content_type_is_no_input(hello: Api):
    answer = await hello.http.post("/api/v1/main/executions/company.team/hello", content=b"")

    assert "content-type" not in answer.request.headers
    assert answer.json()["inputs"] == {"who": "you"}


async def test_unknown_flows_and_revisions_are_404(hello: Api):
    for path in ("company.team/nothing", "company.team/hello?revision=7"):
        await hello.call("POST", f"/executions/{path}", expect=404)


@pytest.mark.parametrize("label", ["system.x:y", "nolabel", "key:"])
async def test_labels_that_a_caller_may_not_set_are_refused(hello: Api, label: str):
    await hello.call("POST", f"/executions/company.team/hello?labels={label}", expect=422)


async def test_a_field_called_labels_is_a_label(hello: Api):
    created = await hello.call("POST", "/executions/company.team/hello", files={"labels": (None, "a:b:c")})

    assert {"key": "a", "value": "b:c"} in created["labels"]


async def test_all_wrong_inputs_are_told(api: Api):
    await api.save(TYPED)

    refused = await api.call(
        "POST", "/executions/company.team/typed", files={"choice": (None, "z")}, expect=422
    )

    assert [error["path"] for error in refused["errors"]] == ["n", "choice"]
    assert refused["message"].startswith("Invalid entity: n: ")
    assert (await api.call("GET", "/executions/search"))["total"] == 0


@pytest.mark.parametrize("part", [("f", "notes"), ("files", "f")])
async def test_a_file_is_stored_and_can_be_read_back(api: Api, part: tuple[str, str]):
    await api.save(TYPED)
    name, filename = part
    form = {"n": (None, "2"), name: (filename, b"line1\nline2\n")}

    created = await api.call("POST", "/executions/company.team/typed", files=form)
    uri = created["inputs"]["f"]
    path = f"/executions/{created['id']}/file"

    prefix = f"kestra:///company/team/typed/executions/{created['id']}/inputs/f/"
    assert uri.startswith(prefix)
    assert uri.endswith(".upl")
    assert await api.call("GET", path, params={"path": uri}) == "line1\nline2\n"
    assert await api.call("GET", f"{path}/metas", params={"path": uri}) == {"size": 12}
    assert await api.call("GET", f"{path}/preview", params={"path": uri, "maxRows": 1}) == {
        "extension": "upl",
        "type": "TEXT",
        "content": "line1",
        "maxLine": 1,
        "truncated": True,
    }


async def test_a_file_may_be_empty(api: Api):
    await api.save(TYPED)

    form = {"n": (None, "2"), "f": ("f", b"")}
    created = await api.call("POST", "/executions/company.team/typed", files=form)

    path = f"/executions/{created['id']}/file/metas"
    assert await api.call("GET", path, params={"path": created["inputs"]["f"]}) == {"size": 0}


async def test_a_file_that_was_not_chosen_is_missing(api: Api):
    await api.save(TYPED.replace("    required: false\n", ""))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n2\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename=""\r\n\r\n\r\n--x--\r\n'
    )

    refused = await api.call(
        "POST",
        "/executions/company.team/typed",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        expect=422,
    )

    assert "Missing required input:f" in refused["detail"]


async def test_files_are_read_through_the_execution_that_owns_them(api: Api):
    await api.save(TYPED)
    form = {"n": (None, "2"), "f": ("f", b"x")}
    owner = await api.call("POST", "/executions/company.team/typed", files=form)
    other = await api.call("POST", "/executions/company.team/typed", files={"n": (None, "2")})
    uri = owner["inputs"]["f"]

    answer = await api.http.get(f"/api/v1/main/executions/{other['id']}/file", params={"path": uri})
    followed = await api.http.get(answer.headers["location"])

    assert answer.status_code == 307
    assert followed.text == "x"
    for bad in ("kestra:///company/team/secret.txt", "file:///etc/passwd", uri.replace("/f/", "/../f/")):
        path = f"/executions/{owner['id']}/file"
        refused = await api.call("GET", path, params={"path": bad}, expect=422)
        assert "Invalid prefix path" in refused["detail"]
    await api.call("GET", f"/executions/{owner['id']}/file", params={"path": uri + "x"}, expect=404)


async def test_validation_of_inputs_starts_nothing(api: Api):
    await api.save(TYPED)

    checked = await api.call("POST", "/executions/company.team/typed/validate", files={"n": (None, "9")})

    n, f, choice = checked["inputs"]
    assert n["input"] == {"id": "n", "type": "INT", "required": True, "min": 1, "max": 5}
    assert n["value"] == "9"
    assert len(n["errors"]) == 1
    assert f == {
        "input": {"id": "f", "type": "FILE", "required": False, "extension": ".upl"},
        "enabled": True,
        "isDefault": False,
        "errors": [],
    }
    assert choice["value"] == "a"
    assert choice["isDefault"] is True
    assert (await api.call("GET", "/executions/search"))["total"] == 0


async def test_a_list_leaves_out_task_runs(hello: Api):
    done = await hello.run("company.team/hello")

    page = await hello.call("GET", "/executions/search?namespace=company.team")

    assert page["total"] == 1
    (found,) = page["results"]
    assert found["id"] == done["id"]
    assert "taskRunList" not in found
    assert "outputs" not in found
    full = await hello.call("GET", "/executions/search?taskRuns=true")
    assert len(full["results"][0]["taskRunList"]) == 2


async def test_searching(hello: Api):
    await hello.save(FAILING)
    good = await hello.run("company.team/hello")
    bad = await hello.call("POST", "/executions/company.team/failing?wait=true&labels=a:b")

    async def found(query: str) -> list[str]:
        return [each["id"] for each in (await hello.call("GET", f"/executions/search?{query}"))["results"]]

    assert await found("") == [bad["id"], good["id"]]
    assert await found("sort=state.startDate:asc") == [good["id"], bad["id"]]
    assert await found("state=FAILED") == [bad["id"]]
    assert await found("filters[state][IN]=[FAILED,WARNING]") == [bad["id"]]
    assert await found("filters[labels][EQUALS][a]=b") == [bad["id"]]
    assert await found("labels=a:c") == []
    assert await found("filters[or][0][flowId][EQUALS]=hello&filters[or][1][labels][EQUALS][a]=b") == [
        bad["id"],
        good["id"],
    ]
    assert await found("filters[timeRange][EQUALS]=PT1H&dateFilter=END_DATE") == [bad["id"], good["id"]]
    assert await found("startDate=2020-01-01T00:00:00.000Z&endDate=2020-02-01T00:00:00.000Z") == []
    latest = await hello.call(
        "POST", "/executions/latest", json=[{"namespace": "company.team", "id": "hello"}]
    )
    assert [(each["id"], each["status"]) for each in latest] == [(good["id"], "SUCCESS")]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=0", 422),
        ("size=many", 400),
        ("sort=id", 422),
        ("sort=nothing:asc", 422),
        ("filters[nothing][EQUALS]=1", 400),
        ("filters[flowId][NEAR]=1", 400),
        ("startDate=yesterday", 400),
        ("timeRange=PT1H&startDate=2020-01-01T00:00:00Z", 422),
    ],
)
async def test_a_search_that_makes_no_sense_is_the_callers_error(api: Api, query: str, status: int):
    refused = await api.call("GET", f"/executions/search?{query}", expect=status)

    assert refused["detail"]


async def test_outputs_have_routes_of_their_own(hello: Api):
    done = await hello.run("company.team/hello")
    back = done["taskRunList"][1]

    assert await hello.call("GET", f"/outputs/executions/{done['id']}") == {"final": done["id"]}
    assert await hello.call("GET", f"/outputs/tasks/{done['id']}") == [
        {"taskId": "back", "taskRunId": back["id"], "inline": True}
    ]
    assert await hello.call("GET", f"/outputs/{done['id']}/{back['id']}") == {"value": done["id"]}
    await hello.call("GET", f"/outputs/tasks/{done['id']}/nothing", expect=404)


async def test_evaluating_in_the_context_of_a_task_run(hello: Api):
    done = await hello.run("company.team/hello", who="Ada")
    path = f"/executions/{done['id']}/eval/{done['taskRunList'][0]['id']}"

    good = await hello.call(
        "POST", path, content="{{ inputs.who }} {{ outputs.back.value }} {{ taskrun.id }}"
    )
    bad = await hello.call("POST", path, content="{{ inputs.zz.y }}")

    assert good == {"result": f"Ada {done['id']} {done['taskRunList'][0]['id']}"}
    assert "zz" in bad["error"]
    assert "Traceback" not in bad["error"]


async def test_killing(api: Api):
    await api.save(PAUSED)
    created = await api.call("POST", "/executions/company.team/paused")
    await reaches(api, created["id"], "PAUSED")

    killed = await api.call("DELETE", f"/executions/{created['id']}/kill")

    assert killed["state"]["current"] in ("KILLING", "KILLED")
    ended = await reaches(api, created["id"], "KILLED")
    assert ended["taskRunList"][0]["state"]["current"] == "KILLED"
    await api.call("DELETE", f"/executions/{created['id']}/actions/kill?isOnKillCascade=false", expect=409)
    await api.call("DELETE", "/executions/unknown/kill", expect=404)


async def test_resuming_asks_for_the_inputs_of_the_pause(api: Api):
    await api.save(PAUSED)
    created = await api.call("POST", "/executions/company.team/paused")
    await reaches(api, created["id"], "PAUSED")
    path = f"/executions/{created['id']}/actions/resume"

    refused = await api.call("POST", path, expect=422)
    checked = await api.call("POST", f"{path}/validate")
    await api.call("POST", path, files={"why": (None, "because")})
    done = await reaches(api, created["id"], "SUCCESS")

    assert refused["errors"][0]["path"] == "why"
    assert [each["input"]["id"] for each in checked["inputs"]] == ["why"]
    assert done["taskRunList"][1]["outputs"] == {"value": "because"}
    again = await api.call("POST", path, files={"why": (None, "again")}, expect=409)
    assert f"Execution '{created['id']}' is not paused, can't resume it" in again["message"]


async def test_restarting_a_failed_execution(hello: Api):
    await hello.save(FAILING)
    failed = await hello.call("POST", "/executions/company.team/failing?wait=true")
    fine = await hello.run("company.team/hello")

    restarted = await hello.call("POST", f"/executions/{failed['id']}/restart")
    refused = await hello.call("POST", f"/executions/{fine['id']}/restart", expect=422)

    assert restarted["metadata"]["attemptNumber"] == 2
    assert "RESTARTED" in [moment["state"] for moment in restarted["state"]["histories"]]
    assert "No task found to restart execution from!" in refused["message"]
    await hello.call("POST", f"/executions/{fine['id']}/restart?revision=9", expect=404)


async def test_labels_are_added_to_what_has_ended(hello: Api):
    done = await hello.run("company.team/hello")
    path = f"/executions/{done['id']}/labels"

    labelled = await hello.call(
        "POST", path, json=[{"key": "k", "value": "v"}, {"key": "team", "value": "hr"}]
    )
    refused = await hello.call("POST", path, json=[{"key": "system.x", "value": "v"}], expect=422)

    labels = {label["key"]: label["value"] for label in labelled["labels"]}
    assert labels["k"] == "v"
    assert labels["team"] == "hr"
    assert labels["system.correlationId"] == done["id"]
    assert "offending label: system.x=v" in refused["message"]


async def test_many_at_once_are_all_checked_first(hello: Api):
    await hello.save(FAILING)
    failed = await hello.call("POST", "/executions/company.team/failing?wait=true")
    fine = await hello.run("company.team/hello")

    refused = await hello.call(
        "POST", "/executions/restart/by-ids", json=[failed["id"], fine["id"], "unknown"], expect=400
    )
    done = await hello.call("POST", "/executions/restart/by-ids", json=[failed["id"]], expect=202)

    assert refused["message"] == "invalid bulk restart"
    assert refused["invalids"] == [
        {"message": "execution not in state FAILED", "path": "execution", "invalidValue": fine["id"]},
        {"message": "execution not found", "path": "execution", "invalidValue": "unknown"},
    ]
    assert done["count"] == done["totalItems"] == 1
    assert done["operationId"]


async def test_deleting(hello: Api):
    first, second = await hello.run("company.team/hello"), await hello.run("company.team/hello")

    await hello.call("DELETE", f"/executions/{first['id']}", expect=204)
    await hello.call("GET", f"/executions/{first['id']}", expect=404)
    assert await hello.call("GET", f"/logs/{first['id']}") == []
    refused = await hello.call("DELETE", "/executions/by-ids?flowId=x", json=["unknown"], expect=400)
    deleted = await hello.call("DELETE", "/executions/by-query?filters[flowId][EQUALS]=hello")

    assert refused["message"] == "invalid bulk delete"
    assert deleted == {"count": 1}
    await hello.call("GET", f"/executions/{second['id']}", expect=404)


async def test_what_runs_is_deleted_only_when_asked(api: Api):
    await api.save(PAUSED)
    created = await api.call("POST", "/executions/company.team/paused")
    await reaches(api, created["id"], "PAUSED")

    await api.call("DELETE", f"/executions/{created['id']}", expect=409)
    await api.call("DELETE", "/executions/by-ids", json=[created["id"]], expect=400)
    path = "/executions/by-ids?includeNonTerminated=true"
    assert await api.call("DELETE", path, json=[created["id"]]) == {"count": 1}


async def test_the_flow_of_an_execution_is_reduced(hello: Api):
    done = await hello.run("company.team/hello")

    reduced = await hello.call("GET", f"/executions/{done['id']}/flow")

    assert reduced["tasks"][0] == {"id": "say", "type": "io.kestra.plugin.core.log.Log"}
    assert reduced["inputs"][0]["id"] == "who"
    assert "source" not in reduced


async def test_a_log_may_go_to_a_file(api: Api):
    await api.save(
        """
        id: filed
        namespace: company.team
        tasks:
          - {id: hello, type: io.kestra.plugin.core.log.Log, message: "Hello World!", logToFile: true}
          - id: shared
            type: io.kestra.plugin.core.flow.WorkingDirectory
            tasks:
              - {id: inner, type: io.kestra.plugin.core.log.Log, message: inside, logToFile: true}
        """
    )

    done = await api.run("company.team/filed")

    runs = {run["taskId"]: run for run in done["taskRunList"]}
    [attempt] = runs["hello"]["attempts"]
    text = await api.call("GET", f"/executions/{done['id']}/file", params={"path": attempt["logFile"]})
    assert text.endswith("Z INFO Hello World!\n")
    assert runs["inner"]["attempts"][0]["logFile"].startswith("kestra:///company/team/filed/executions/")
    lines = await api.call("GET", f"/logs/{done['id']}")
    assert not any(line.get("taskId") in ("hello", "inner") for line in lines)


async def test_32_a_failure_stops_the_rest_of_a_shared_folder(api: Api):
    """Worked trace 32 of the flow specification (§20)."""
    await api.save(
        """
        id: shared
        namespace: company.team
        tasks:
          - id: folder
            type: io.kestra.plugin.core.flow.WorkingDirectory
            tasks:
              - id: w1
                type: io.kestra.plugin.core.storage.LocalFiles
                inputs: {a.txt: hello}
              - {id: w2, type: io.kestra.plugin.core.execution.Fail}
              - {id: w3, type: io.kestra.plugin.core.log.Log, message: never}
        """
    )

    done = await api.run("company.team/shared")

    states = {run["taskId"]: run["state"]["current"] for run in done["taskRunList"]}
    assert states == {"folder": "FAILED", "w1": "SUCCESS", "w2": "FAILED"}
    assert done["state"]["current"] == "FAILED"


async def test_how_long_a_flow_takes_on_average(hello: Api):
    path = "/executions/namespaces/company.team/flows/hello/average-duration"
    assert await hello.call("GET", path) == {"count": 0}

    await hello.run("company.team/hello")

    found = await hello.call("GET", path)
    assert found["count"] == 1
    assert found["averageDuration"].startswith("PT0.")

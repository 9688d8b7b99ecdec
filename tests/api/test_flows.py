from __future__ import annotations

import io
import zipfile
from textwrap import dedent

from tests.api.conftest import HELLO, YAML, Api


def bulk_source(*ids: str) -> str:
    one = """\
    id: {id}
    namespace: company.team
    tasks:
      - id: a
        type: io.kestra.plugin.core.log.Log
        message: x
    """
    return "---\n".join(dedent(one).format(id=id) for id in ids)


async def test_a_created_flow_is_told_with_its_source(api: Api):
    created = await api.save(HELLO)

    assert created.pop("updated").endswith("Z")
    assert created == {
        "tenantId": "main",
        "id": "hello",
        "namespace": "company.team",
        "revision": 1,
        "inputs": [{"id": "who", "type": "STRING", "required": True, "defaults": "you"}],
        "disabled": False,
        "deleted": False,
        "draft": False,
        "labels": [{"key": "team", "value": "data"}],
        "tasks": [
            {"id": "say", "type": "io.kestra.plugin.core.log.Log", "message": "Hello {{ inputs.who }}"},
            {"id": "back", "type": "io.kestra.plugin.core.debug.Return", "format": "{{ execution.id }}"},
        ],
        "outputs": [{"id": "final", "type": "STRING", "value": "{{ outputs.back.value }}"}],
        "source": HELLO,
    }


async def test_members_of_a_flow_come_in_the_order_of_the_contract(hello: Api):
    flow = await hello.call("GET", "/flows/company.team/hello?source=true")

    names = [name for name in flow if name not in ("tenantId", "draft", "updated")]
    assert names == [
        "id",
        "namespace",
        "revision",
        "inputs",
        "disabled",
        "deleted",
        "labels",
        "tasks",
        "outputs",
        "source",
    ]


async def test_a_flow_that_exists_is_not_created_again(hello: Api):
    refused = await hello.save(HELLO, expect=422)

    assert refused["message"] == "Invalid entity: flow.id: Flow id already exists"
    assert refused["_embedded"]["errors"] == [{"message": "Flow id already exists", "path": "flow.id"}]
    assert refused["status"] == 422
    assert refused["instance"] == "/api/v1/main/flows"


async def test_every_violation_is_told_with_its_place(api: Api):
    refused = await api.save(
        """
        id: 'bad id'
        namespace: company.team
        tasks:
          - id: a
            type: io.kestra.plugin.core.log.Log
            mesage: x
        """,
        expect=422,
    )

    by_path = {error["path"]: error for error in refused["errors"]}
    assert {"id", "tasks[a].message", "tasks[a].mesage"} <= set(by_path)
    assert by_path["tasks[a].mesage"]["pointer"] == "/tasks/0/mesage"
    assert by_path["tasks[a].mesage"]["line"] == 7
    assert "message" in by_path["tasks[a].mesage"]["fix"]


async def test_text_that_is_no_yaml_is_told_with_its_line(api: Api):
    refused = await api.save("id: x\n  namespace: [", expect=422)

    assert refused["errors"][0]["path"] == "yaml"
    assert refused["errors"][0]["line"] == 2


async def test_a_body_of_another_kind_is_refused(api: Api):
    refused = await api.call(
        "POST", "/flows", content=HELLO, headers={"Content-Type": "text/plain"}, expect=415
    )

    assert refused["type"] == "urn:problem:unsupported-media-type"


async def test_a_flow_sent_as_json_becomes_yaml(api: Api):
    task = {"id": "say", "type": "io.kestra.plugin.core.log.Log", "message": "hi"}

    created = await api.call("POST", "/flows", json={"id": "j", "namespace": "company", "tasks": [task]})

    assert created["source"].startswith("id: j\nnamespace: company\n")
    assert created["tasks"] == [task]


async def test_an_unknown_flow_is_404_and_says_which_edition_lacks_it(api: Api):
    answer = await api.http.get("/api/v1/flows/company.team/nothing")

    assert answer.status_code == 404
    assert answer.headers["x-kestra-edition"] == "OSS"
    assert answer.json()["message"].startswith("Not Found: ")


async def test_an_update_makes_a_revision_only_where_something_changed(hello: Api):
    path = "/flows/company.team/hello"

    same = await hello.call("PUT", path, content=HELLO, headers=YAML)
    changed = await hello.call("PUT", path, content=HELLO.replace("team: data", "team: core"), headers=YAML)
    old = await hello.call("GET", f"{path}?revision=1&source=true")
    revisions = await hello.call("GET", f"{path}/revisions")

    assert same["revision"] == 1
    assert changed["revision"] == 2
    assert old["labels"] == [{"key": "team", "value": "data"}]
    assert [each["revision"] for each in revisions] == [1, 2]
    assert (await hello.call("GET", f"{path}?revision=9", expect=404))["status"] == 404


async def test_an_update_cannot_rename(hello: Api):
    refused = await hello.call(
        "PUT",
        "/flows/company.team/hello",
        content=HELLO.replace("id: hello", "id: other").replace("company.team", "company.other"),
        headers=YAML,
        expect=422,
    )

    assert [error["message"] for error in refused["_embedded"]["errors"]] == [
        "Illegal flow id update",
        "Illegal namespace update",
    ]


async def test_an_update_of_nothing_is_404(api: Api):
    await api.call("PUT", "/flows/company.team/hello", content=HELLO, headers=YAML, expect=404)


async def test_numbering_goes_on_after_a_deletion(hello: Api):
    path = "/flows/company.team/hello"

    await hello.call("DELETE", path, expect=204)
    await hello.call("DELETE", path, expect=404)
    await hello.call("GET", path, expect=404)
    gone = await hello.call("GET", f"{path}?allowDeleted=true")
    again = await hello.save(HELLO)

    assert gone["deleted"] is True
    assert gone["revision"] == 2
    assert again["revision"] == 3
    assert again["deleted"] is False


async def test_old_revisions_can_be_removed_but_not_the_newest(hello: Api):
    path = "/flows/company.team/hello"
    await hello.call("PUT", path, content=HELLO + "description: two\n", headers=YAML)

    await hello.call("DELETE", f"{path}/revisions?revisions=2", expect=422)
    await hello.call("DELETE", f"{path}/revisions?revisions=1")

    assert [each["revision"] for each in await hello.call("GET", f"{path}/revisions")] == [2]


async def test_searching(hello: Api):
    await hello.save(HELLO.replace("id: hello", "id: other").replace("company.team", "company.teams"))

    async def found(query: str) -> list[str]:
        page = await hello.call("GET", f"/flows/search?{query}")
        assert page["total"] == len(page["results"])
        return [f"{flow['namespace']}.{flow['id']}" for flow in page["results"]]

    assert await found("") == ["company.team.hello", "company.teams.other"]
    assert await found("q=hel") == ["company.team.hello"]
    assert await found("namespace=company.team") == ["company.team.hello"]
    assert await found("filters[namespace][PREFIX]=company") == ["company.team.hello", "company.teams.other"]
    assert await found("filters%5BflowId%5D%5BNOT_EQUALS%5D=hello") == ["company.teams.other"]
    assert await found("filters[labels][EQUALS][team]=data&sort=id:desc") == [
        "company.teams.other",
        "company.team.hello",
    ]
    assert (await hello.call("GET", "/flows/search?page=2&size=1"))["total"] == 2
    assert await hello.call("GET", "/flows/distinct-namespaces?q=teams") == ["company.teams"]
    assert [flow["id"] for flow in await hello.call("GET", "/flows/company.team")] == ["hello"]


async def test_validation_tells_about_each_document_and_stores_none(api: Api):
    text = HELLO + "---\n" + HELLO.replace("message:", "mesage:")

    first, second = await api.call("POST", "/flows/validate", content=text, headers=YAML)

    assert first == {
        "index": 0,
        "namespace": "company.team",
        "flow": "hello",
        "outdated": False,
        "deprecationPaths": [],
        "warnings": [],
        "infos": [],
    }
    assert second["index"] == 1
    assert 'Unrecognized field "mesage"' in second["constraints"]
    await api.call("GET", "/flows/company.team/hello", expect=404)


async def test_a_lone_task_is_validated_with_paths_of_its_own(api: Api):
    path = "/flows/validate/task?section=TASKS"
    log = "id: a\ntype: io.kestra.plugin.core.log.Log\n"

    good = await api.call("POST", path, content=f"{log}message: hi\n", headers=YAML)
    bad = await api.call("POST", path, content=log, headers=YAML)

    assert good == {"index": 0, "outdated": False}
    assert bad["constraints"] == "message: must not be null"


async def test_a_task_is_shown_as_it_was_written(hello: Api):
    task = await hello.call("GET", "/flows/company.team/hello/tasks/say")

    assert task == {"id": "say", "type": "io.kestra.plugin.core.log.Log", "message": "Hello {{ inputs.who }}"}
    await hello.call("GET", "/flows/company.team/hello/tasks/nothing", expect=404)


async def test_a_namespace_takes_the_flows_of_a_body(hello: Api):
    source = bulk_source("one", "two")

    kept = await hello.call("POST", "/flows/company.team?delete=false", content=source, headers=YAML)
    synchronised = await hello.call("POST", "/flows/company.team", content=source, headers=YAML)

    assert [(flow["id"], flow["deleted"]) for flow in kept] == [("one", False), ("two", False)]
    assert [(flow["id"], flow["deleted"]) for flow in synchronised] == [
        ("one", False),
        ("two", False),
        ("hello", True),
    ]


async def test_a_body_with_something_wrong_stores_nothing(api: Api):
    source = bulk_source("one", "one", "t w o")

    refused = await api.call("POST", "/flows/company.team", content=source, headers=YAML, expect=422)

    assert {"Duplicate flow id"} <= {error["detail"] for error in refused["errors"]}
    assert (await api.call("GET", "/flows/search"))["total"] == 0


async def test_flows_of_another_namespace_move_only_when_asked(api: Api):
    await api.call("POST", "/flows/company.other", content=bulk_source("one"), headers=YAML, expect=422)

    moved = await api.call(
        "POST", "/flows/company.other?override=true", content=bulk_source("one"), headers=YAML
    )

    assert moved[0]["namespace"] == "company.other"
    assert "namespace: company.other\n" in moved[0]["source"]


async def test_a_disabled_flow_cannot_be_started(hello: Api):
    names = [{"namespace": "company.team", "id": "hello"}]

    assert await hello.call("POST", "/flows/disable/by-ids", json=names) == {"count": 1}
    assert await hello.call("POST", "/flows/disable/by-ids", json=names) == {"count": 0}
    refused = await hello.call("POST", "/executions/company.team/hello", expect=409)
    assert refused["message"] == "Illegal state: Requested Flow is disabled."
    assert await hello.call("POST", "/flows/enable/by-query?filters[flowId][EQUALS]=hello") == {"count": 1}
    await hello.call("POST", "/executions/company.team/hello")


async def test_changing_what_a_flat_parameter_finds_is_refused(hello: Api):
    refused = await hello.call("DELETE", "/flows/delete/by-query?namespace=company", expect=400)

    assert "use filters[namespace][EQUALS]=<value>" in refused["detail"]
    assert (await hello.call("GET", "/flows/search"))["total"] == 1


async def test_an_exported_zip_can_be_imported(hello: Api):
    answer = await hello.http.get("/api/v1/flows/export/by-query?namespace=company.team")
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    await hello.call("DELETE", "/flows/delete/by-query", expect=200)

    failed = await hello.call("POST", "/flows/import", files={"fileUpload": ("flows.zip", answer.content)})

    assert answer.headers["content-disposition"].startswith('attachment; filename="flows.zip"')
    assert names == ["company.team.hello.yml"]
    assert failed == []
    assert (await hello.call("GET", "/flows/company.team/hello?source=true"))["source"] == HELLO


async def test_an_import_names_what_could_not_be_stored(api: Api):
    text = bulk_source("one") + "---\nid: broken\nnamespace: company\ntasks: []\n"

    failed = await api.call("POST", "/flows/import", files={"fileUpload": ("flows.yml", text)})

    assert failed == ["broken"]
    assert (await api.call("GET", "/flows/search"))["total"] == 1


async def test_sources_are_searched_line_by_line(hello: Api):
    page = await hello.call("GET", "/flows/source?q=hello")
    exact = await hello.call("GET", "/flows/source?q=hello&caseSensitive=true&wholeWord=true")

    (found,) = page["results"]
    assert [hit["line"] for hit in found["matches"]] == [1, 12]
    assert found["fragments"][1] == 'message: "[mark]Hello[/mark] {{ inputs.who }}"'
    assert found["model"]["id"] == "hello"
    assert [hit["line"] for hit in exact["results"][0]["matches"]] == [1]
    await hello.call("GET", "/flows/source?q=(&regex=true", expect=422)
    await hello.call("GET", "/flows/source", expect=400)


async def test_lists_as_tables(hello: Api):
    done = await hello.run("company.team/hello")

    flows = await hello.call("GET", "/flows/export/by-query/csv")
    executions = await hello.call("GET", "/executions/export/by-query/csv")

    assert flows.splitlines()[1] == "company.team,hello,1,false,,team:data"
    assert executions.splitlines()[1].startswith(f"{done['id']},company.team,hello,1,SUCCESS,")


TWICE = """\
id: {id}
namespace: company.team
inputs:
  - {{id: word, type: STRING, defaults: hello}}
tasks:
  - {{id: say, type: io.kestra.plugin.core.log.Log, message: "hello {{{{ inputs.word }}}}"}}
"""


async def test_a_text_is_replaced_in_many_flows_after_it_was_shown(api: Api):
    for name in ("first", "second"):
        await api.save(TWICE.format(id=name))
    asked = {"query": "HELLO", "replacement": "goodbye", "scope": "TASKS"}

    shown = await api.call("POST", "/flows/source/replace/preview", json=asked)
    only = [{"namespace": "company.team", "id": "first"}]
    done = await api.call("POST", "/flows/source/replace/apply", json={**asked, "flows": only})

    assert (shown["totalMatches"], shown["totalFlows"], shown["editableFlowCount"]) == (2, 2, 2)
    [match] = shown["flows"][0]["matches"]
    assert match["line"] == 6
    assert 'message: "hello' in match["before"]
    assert 'message: "goodbye' in match["after"]
    [flow] = done["updated"]
    assert flow["revision"] == 2
    assert "defaults: hello" in flow["source"]
    assert 'message: "goodbye' in flow["source"]
    assert done["skipped"] == []


async def test_a_replacement_that_breaks_a_flow_is_left_out_and_told(api: Api):
    await api.save(TWICE.format(id="first"))

    asked = {"query": r"core\.(\w+)\.Log", "replacement": "core.$1.Logg", "regex": True}
    done = await api.call("POST", "/flows/source/replace/apply", json=asked)

    assert done["updated"] == []
    [skipped] = done["skipped"]
    assert "io.kestra.plugin.core.log.Logg" in skipped["reason"]
    await api.call("POST", "/flows/source/replace/preview", json={**asked, "query": "("}, expect=422)


async def test_one_hit_is_replaced(api: Api):
    await api.save(TWICE.format(id="first"))
    asked = {"query": "hello", "replacement": "hi", "namespace": "company.team", "id": "first", "line": 4}

    flow = await api.call("POST", "/flows/source/replace/line", json=asked)

    assert "defaults: hi" in flow["source"]
    assert 'message: "hello' in flow["source"]
    await api.call("POST", "/flows/source/replace/line", json=asked, expect=422)


async def test_one_task_is_replaced_and_the_rest_stays_as_it_is_written(api: Api):
    await api.save(
        """\
        id: patched
        namespace: company.team
        # what it is for
        tasks:
          - id: block
            type: io.kestra.plugin.core.flow.Sequential
            tasks:
              - id: one
                type: io.kestra.plugin.core.log.Log
                message: first   # says first

              - {id: two, type: io.kestra.plugin.core.log.Log, message: second}
          - id: last
            type: io.kestra.plugin.core.log.Log
            message: last
        """
    )
    path = "/flows/company.team/patched"
    task = {"id": "one", "type": "io.kestra.plugin.core.debug.Return", "format": "1"}

    changed = await api.call("PATCH", f"{path}/one", json=task)
    await api.call("PATCH", f"{path}/two", json={"type": "io.kestra.plugin.core.debug.Return", "format": "2"})
    await api.call("PATCH", f"{path}/nobody", json=task | {"id": "nobody"}, expect=404)
    await api.call("PATCH", f"{path}/one", json=task | {"id": "other"}, expect=422)
    await api.call("PATCH", f"{path}/one", json={"type": "nothing.Known"}, expect=422)

    assert changed["revision"] == 2
    source = (await api.call("GET", f"{path}?source=true"))["source"]
    assert (
        source
        == """\
id: patched
namespace: company.team
# what it is for
tasks:
  - id: block
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: one
        type: io.kestra.plugin.core.debug.Return
        format: '1'

      - id: two
        type: io.kestra.plugin.core.debug.Return
        format: '2'
  - id: last
    type: io.kestra.plugin.core.log.Log
    message: last
"""
    )

from __future__ import annotations

import pytest

from tests.api.conftest import Api

KV = "/namespaces/company.team/kv"


async def test_lines_of_an_execution(hello: Api):
    done = await hello.run("company.team/hello", who="Ada")
    say = done["taskRunList"][0]

    lines = await hello.call("GET", f"/logs/{done['id']}?taskId=say")

    (line,) = [each for each in lines if each["message"] == "Hello Ada"]
    assert {name: line[name] for name in line if name not in ("timestamp", "thread")} == {
        "namespace": "company.team",
        "flowId": "hello",
        "taskId": "say",
        "executionId": done["id"],
        "taskRunId": say["id"],
        "attemptNumber": 0,
        "level": "INFO",
        "message": "Hello Ada",
        "deleted": False,
    }
    assert await hello.call("GET", f"/logs/{done['id']}?minLevel=ERROR") == []
    assert await hello.call("GET", f"/logs/{done['id']}?filters[level][EQUALS]=ERROR") == []
    assert await hello.call("GET", "/logs/unknown") == []


async def test_a_log_is_downloaded_as_text(hello: Api):
    done = await hello.run("company.team/hello", who="Ada")

    answer = await hello.http.get(f"/api/v1/logs/{done['id']}/download?minLevel=INFO")

    assert " INFO Hello Ada\n" in answer.text
    assert f'filename="{done["id"]}.log"' in answer.headers["content-disposition"]


async def test_logs_are_searched_and_deleted(hello: Api):
    done = await hello.run("company.team/hello", who="Ada")

    page = await hello.call("GET", "/logs/search?namespace=company.team&minLevel=INFO&q=ada")
    await hello.call("DELETE", f"/logs/{done['id']}")

    assert page["type"] == "OFFSET"
    assert page["total"] == 1
    assert page["results"][0]["message"] == "Hello Ada"
    assert await hello.call("GET", f"/logs/{done['id']}") == []


async def test_metrics(hello: Api):
    done = await hello.run("company.team/hello")

    page = await hello.call("GET", f"/metrics/{done['id']}")

    assert page["total"] == len(page["results"])
    for entry in page["results"]:
        assert entry["type"] in ("counter", "timer", "gauge")
        assert entry["executionId"] == done["id"]


@pytest.mark.parametrize(
    ("written", "type", "value"),
    [
        ('"Ada"', "STRING", "Ada"),
        ("plain text", "STRING", "plain text"),
        ("12", "NUMBER", 12),
        ("1.5", "NUMBER", 1.5),
        ("true", "BOOLEAN", True),
        ('{"a":[1,2]}', "JSON", {"a": [1, 2]}),
        ("2024-05-01", "DATE", "2024-05-01"),
        ("2024-05-01T10:00:00+02:00", "DATETIME", "2024-05-01T08:00:00Z"),
        ('"2024-05-01"', "STRING", "2024-05-01"),
        ('"PT1H"', "DURATION", "PT1H"),
        ("{a: 1, b: [x]}", "JSON", {"a": 1, "b": ["x"]}),
        ("{ not closed", "STRING", "{ not closed"),
    ],
)
async def test_a_value_is_typed_by_what_it_looks_like(api: Api, written: str, type: str, value: object):
    assert await api.call("PUT", f"{KV}/k", content=written) == ""

    found = await api.call("GET", f"{KV}/k")

    assert (found["type"], found["value"], found["revision"]) == (type, value, 1)


async def test_a_life_time_travels_in_a_header_or_in_the_query(api: Api):
    await api.call("PUT", f"{KV}/a", content="1", headers={"ttl": "PT1H", "description": "one"})
    await api.call("PUT", f"{KV}/b?ttl=PT1H", content="2")
    await api.call("PUT", f"{KV}/c", content="3")

    a, b, c = await api.call("GET", KV)

    assert "expirationDate" in a
    assert "expirationDate" in b
    assert "expirationDate" not in c
    assert a["description"] == "one"
    await api.call("PUT", f"{KV}/d?ttl=soon", content="4", expect=422)


async def test_keys_that_are_none_or_missing(api: Api):
    refused = await api.call("PUT", f"{KV}/bad%20key", content="1", expect=422)
    looked_up = await api.call("GET", f"{KV}/bad%20key", expect=422)
    deleted = await api.call("DELETE", f"{KV}/bad%20key", expect=422)
    missing = await api.call("GET", f"{KV}/none", expect=404)

    for answer in (refused, looked_up, deleted):
        assert "Key must start with an alphanumeric character" in answer["message"]
    assert "No value found for key 'none' in namespace 'company.team'" in missing["message"]


async def test_deleting_answers_whether_there_was_one(api: Api):
    await api.call("PUT", f"{KV}/a", content="1")
    await api.call("PUT", f"{KV}/b", content="1")

    assert await api.call("DELETE", f"{KV}/a") is True
    assert await api.call("DELETE", f"{KV}/a") is False
    assert await api.call("DELETE", KV, json={"keys": ["a", "b"]}) == {"keys": ["b"]}


async def test_a_namespace_inherits_what_no_nearer_one_hides(api: Api):
    await api.call("PUT", "/namespaces/company/kv/a", content="1")
    await api.call("PUT", "/namespaces/company/kv/b", content="1")
    await api.call("PUT", f"{KV}/a", content="2")

    entries = await api.call("GET", "/namespaces/company.team/kv/inheritance")
    page = await api.call("GET", "/kv?sort=key:asc&filters[namespace][EQUALS]=company")

    assert [(entry["namespace"], entry["key"]) for entry in entries] == [
        ("company.team", "a"),
        ("company", "b"),
    ]
    assert [entry["key"] for entry in page["results"]] == ["a", "b"]
    assert page["total"] == 2


async def test_namespaces_exist_through_flows(hello: Api):
    page = await hello.call("GET", "/namespaces/search")

    assert page == {
        "results": [
            {"id": "company", "disabled": True, "deleted": False},
            {"id": "company.team", "disabled": True, "deleted": False},
            {"id": "system", "disabled": True, "deleted": False},
        ],
        "total": 3,
    }
    assert await hello.call("POST", "/namespaces/autocomplete", json={"q": "TEAM"}) == ["company.team"]


async def test_secrets_are_told_by_name_only(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_TOKEN", "aGlkZGVu")

    answer = await api.http.get("/api/v1/main/namespaces/company/secrets")

    assert answer.json()["readOnly"] is False
    assert "aGlkZGVu" not in answer.text
    assert "hidden" not in answer.text


async def test_a_present_key_is_kept_when_asked_so(api: Api):
    await api.call("PUT", f"{KV}/k", content="1")

    refused = await api.call("PUT", f"{KV}/k?overwrite=false", content="2", expect=409)

    assert "Cannot set value for key 'k'. Key already exists" in refused["message"]
    assert (await api.call("GET", f"{KV}/k"))["value"] == 1


async def test_an_expired_value_is_gone_and_says_so(api: Api):
    from datetime import timedelta

    from batuta.model.records import KvEntry, KvType

    now = api.ports.clock.now()
    past = now - timedelta(hours=1)
    await api.ports.store.kv.put(
        KvEntry(
            namespace="company.team",
            key="k",
            type=KvType.NUMBER,
            value=1,
            created_at=past,
            updated_at=past,
            expires_at=past,
        )
    )

    expired = await api.call("GET", f"{KV}/k", expect=410)

    assert "The requested value has expired" in expired["message"]
    assert await api.call("GET", KV) == []


async def test_logs_of_a_trigger_are_removed(api: Api):
    from batuta.model.records import LogLine
    from batuta.model.task import LogLevel
    from batuta.store.batch import Batch

    def line(trigger_id: str | None) -> LogLine:
        return LogLine(
            execution_id="e",
            namespace="company.team",
            flow_id="hello",
            at=api.ports.clock.now(),
            level=LogLevel.INFO,
            message=str(trigger_id),
            trigger_id=trigger_id,
        )

    await api.ports.store.commit(Batch(logs=[line("one"), line("two"), line(None)]))

    await api.call("DELETE", "/logs/company.team/hello?triggerId=one")

    left = [each["message"] for each in await api.call("GET", "/logs/e")]
    assert left == ["two", "None"]
    await api.call("DELETE", "/logs/company.team/hello", expect=400)


MEASURES = """\
id: measures
namespace: company.team
inputs:
  - {id: rows, type: INT}
tasks:
  - id: count
    type: io.kestra.plugin.core.metric.Publish
    metrics:
      - {name: rows, type: counter, value: "{{ inputs.rows }}"}
      - {name: wait, type: timer, value: PT1.5S}
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: x}
"""


async def test_metrics_of_a_flow_over_time(api: Api):
    await api.save(MEASURES)
    for rows in (2, 4):
        await api.run("company.team/measures", rows=str(rows))
    where = "company.team/measures"

    assert await api.call("GET", f"/metrics/tasks/{where}") == ["count", "say"]
    assert await api.call("GET", f"/metrics/names/{where}/count") == ["rows", "wait"]
    assert "length" in await api.call("GET", f"/metrics/names/{where}")
    for aggregation, value in (("sum", 6), ("avg", 3), ("min", 2), ("max", 4)):
        told = await api.call("GET", f"/metrics/aggregates/{where}/count/rows?aggregation={aggregation}")
        assert told["groupBy"] == "day"
        assert len(told["aggregations"]) == 31
        assert (told["aggregations"][-1]["name"], told["aggregations"][-1]["value"]) == ("rows", value)
    timers = await api.call("GET", f"/metrics/aggregates/{where}/wait")
    assert timers["aggregations"][-1]["value"] == 3000
    await api.call("GET", f"/metrics/aggregates/{where}/rows?aggregation=median", expect=422)

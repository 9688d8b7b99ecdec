from __future__ import annotations

from typing import Any

import httpx
import pytest

from batuta.store.port import Search
from batuta.web.front import untenanted
from tests.api.conftest import Api


@pytest.mark.parametrize(
    ("asked", "routed"),
    [
        ("/api/v1/main/flows/search", "/api/v1/flows/search"),
        ("/api/v1/flows/search", "/api/v1/flows/search"),
        ("/api/v1/flows/main/x", "/api/v1/flows/main/x"),
        ("/api/v1/main/flows/a%2Fb", "/api/v1/flows/a%2Fb"),
        ("/api/v1/acme/flows/search", None),
        ("/ping", "/ping"),
    ],
)
def test_the_tenant_leaves_the_path(asked: str, routed: str | None):
    assert untenanted(asked) == routed


async def test_segments_are_decoded_once(api: Api):
    missing = await api.call("GET", "/namespaces/company%2Eteam/kv/none", expect=404)
    twice = await api.call("GET", "/executions/a%252Fb", expect=404)

    assert "No value found for key 'none' in namespace 'company.team'" in missing["message"]
    assert "`a%2Fb`" in twice["message"]
    slash = await api.call("GET", "/executions/a%2Fb", expect=404)
    assert "`a/b`" in slash["message"]


async def test_every_answer_has_the_security_headers(api: Api):
    for path in ("/ping", "/api/v1/configs", "/api/v1/main/executions/none", "/api/v1/acme/flows"):
        answer = await api.http.get(path)
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "referrer-policy" in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/acme/flows/search", 404),
        ("PATCH", "/api/v1/main/flows", 405),
        ("POST", "/api/v1/main/executions/latest", 422),
        ("DELETE", "/api/v1/main/executions/by-ids", 422),
    ],
)
async def test_no_refusal_is_empty(api: Api, method: str, path: str, status: int):
    answer = await api.http.request(method, path)

    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["detail"]
    assert body["message"]
    assert body["_links"]["self"][0]["href"] == path


async def test_no_accept_header_is_refused(hello: Api):
    for accept in ("text/json", "application/octet-stream", "image/png"):
        answer = await hello.http.get("/api/v1/main/flows/company.team/hello", headers={"Accept": accept})
        assert answer.status_code == 200


async def test_an_error_of_ours_is_told_by_an_id_only(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def broken(search: Search) -> Any:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr(type(api.ports.store.flows), "search", lambda self, search: broken(search))

    answer = await api.http.get("/api/v1/main/flows/search")

    body = answer.json()
    assert answer.status_code == 500
    assert body["traceId"]
    assert "secret cause" not in answer.text
    assert "Traceback" not in answer.text
    (record,) = [each for each in caplog.records if each.message == "request failed"]
    assert record.trace_id == body["traceId"]  # type: ignore[attr-defined]


async def test_ping_health_and_configuration(api: Api):
    assert (await api.http.get("/ping")).text == "pong"
    assert (await api.http.get("/health")).json()["status"] == "UP"
    for path in ("/api/v1/configs", "/api/v1/main/configs"):
        configs = (await api.http.get(path)).json()
        assert configs["edition"] == "OSS"
        assert configs["preview"] == {"initial": 100, "max": 5000}


async def test_expressions_are_rendered_outside_of_executions(hello: Api):
    await hello.call("PUT", "/namespaces/company.team/kv/k", content="5")

    expressions = ["{{ kv('k') }}", "{{ flow.id }}", "{{ nothing.at.all }}"]
    body = {"expressions": expressions, "namespace": "company.team", "flowId": "hello"}
    answer = await hello.call("POST", "/expressions/render", json=body)

    assert answer["rendered"]["{{ kv('k') }}"] == "5"
    assert answer["rendered"]["{{ flow.id }}"] == "hello"
    assert "nothing" in answer["rendered"]["{{ nothing.at.all }}"]


async def test_task_types_have_pages_and_schemas(api: Api):
    log = await api.call("GET", "/plugins/io.kestra.core.tasks.log.Log")
    schema = await api.call("GET", "/plugins/schemas/flow")
    unknown = await api.call("GET", "/plugins/io.kestra.plugin.core.log.Lag", expect=404)

    assert "message" in log["schema"]["properties"]["properties"]
    assert schema["definitions"]
    assert "io.kestra.plugin.core.log.Log" in unknown["fix"]
    assert {"STRING", "FILE"} <= {each["type"] for each in await api.call("GET", "/plugins/inputs")}
    assert "upper" in await api.call("GET", "/pebble/filters")
    for name in ("flow.json", "task", "trigger"):
        await api.call("GET", f"/schemas/{name}")


async def test_a_head_request_has_the_headers_of_a_get(api: Api):
    answer: httpx.Response = await api.http.head("/api/v1/main/configs")

    assert answer.status_code == 200

"""Secrets over REST: names go out, values only come in (API spec §14, §21)."""

from __future__ import annotations

import base64

import pytest

from tests.api.conftest import Api

SECRETS = "/namespaces/company.team/secrets"

READS = """\
id: reads
namespace: company.team
tasks:
  - id: same
    type: io.kestra.plugin.core.debug.Return
    format: "{{ secret('token') == 'hunter-two-two' }}"
"""


async def put(api: Api, key: str, value: str, namespace: str = "company.team", **more: object):
    body = {"key": key, "value": value, **more}
    return await api.call("PUT", f"/namespaces/{namespace}/secrets", json=body)


async def test_a_secret_that_was_set_is_read_by_flows_and_never_shown(api: Api):
    tags = [{"key": "team", "value": "data"}]

    named = await put(api, "token", "hunter-two-two", description="of the API", tags=tags)
    await api.save(READS)
    done = await api.run("company.team/reads")
    listed = await api.http.get(f"/api/v1/main{SECRETS}")

    assert named == [{"key": "TOKEN", "namespace": "company.team", "description": "of the API", "tags": tags}]
    assert done["taskRunList"][0]["outputs"] == {"value": "true"}
    assert listed.json() == {"readOnly": False, "results": named, "total": 1}
    assert "hunter" not in listed.text


async def test_a_namespace_sees_its_parents_secrets_and_the_nearest_one_wins(api: Api):
    await put(api, "token", "far", "company")
    await put(api, "token", "hunter-two-two")
    await put(api, "other", "x", "company")
    await api.save(READS)

    done = await api.run("company.team/reads")

    assert done["taskRunList"][0]["outputs"] == {"value": "true"}
    assert await api.call("GET", "/namespaces/company.team/inherited-secrets") == {
        "company.team": ["TOKEN"],
        "company": ["OTHER", "TOKEN"],
    }


@pytest.mark.parametrize("secret_variable", ["SECRET_FROM_OUTSIDE"])
async def test_secrets_of_the_environment_are_listed_without_a_namespace(
    monkeypatch: pytest.MonkeyPatch, secret_variable: str, tmp_path
):
    from batuta.clock import SystemClock
    from batuta.secrets.cipher import Cipher
    from batuta.secrets.environment import EnvironmentSecrets
    from batuta.secrets.stored import StoredSecrets
    from batuta.store.sqlite import opened

    environment = EnvironmentSecrets({secret_variable: base64.b64encode(b"bar\n").decode()})
    async with opened(tmp_path / "batuta.db") as store:
        secrets = StoredSecrets(store.secrets, environment, Cipher(None, tmp_path), SystemClock())
        await secrets.put("a", "own", "one")

        names = [(each.namespace, each.key) for each in await secrets.names()]

        assert names == [("a", "OWN"), (None, "FROM_OUTSIDE")]
        assert await secrets.get("a.b", "from_outside") == "bar\n"
        assert await secrets.get("a.b", "own") == "one"
        assert await secrets.get("b", "own") is None


async def test_lists_are_filtered_sorted_and_paged(api: Api):
    for namespace, key in (("a", "one"), ("a.b", "two"), ("c", "three")):
        await put(api, key, "value", namespace)

    below = await api.call("GET", "/secrets?filters[namespace][PREFIX]=a&sort=key:desc")
    found = await api.call("GET", "/secrets?q=THRE")
    second = await api.call("GET", "/secrets?page=2&size=2")

    assert [each["key"] for each in below["results"]] == ["TWO", "ONE"]
    assert [each["key"] for each in found["results"]] == ["THREE"]
    assert ([each["key"] for each in second["results"]], second["total"]) == (["THREE"], 3)
    await api.call("GET", "/secrets?sort=value:asc", expect=422)
    await api.call("GET", "/secrets?filters[value][EQUALS]=x", expect=400)


async def test_a_description_changes_without_the_value(api: Api):
    await put(api, "token", "hunter-two-two")

    [named] = await api.call("PATCH", f"{SECRETS}/token", json={"description": "new"})
    await api.save(READS)
    done = await api.run("company.team/reads")

    assert named["description"] == "new"
    assert done["taskRunList"][0]["outputs"] == {"value": "true"}


async def test_what_cannot_be_is_refused_in_words_without_the_value(api: Api):
    answers = [
        await api.http.put(f"/api/v1/main{SECRETS}", json={"key": "a b", "value": "hunter"}),
        await api.http.put(f"/api/v1/main{SECRETS}", json={"value": "hunter"}),
        await api.http.put(f"/api/v1/main{SECRETS}", json={"key": "a"}),
        await api.http.put(f"/api/v1/main{SECRETS}", json={"key": "a", "value": ["hunter"]}),
        await api.http.patch(f"/api/v1/main{SECRETS}/none", json={"description": "x"}),
        await api.http.delete(f"/api/v1/main{SECRETS}/none"),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 404, 404]
    assert not any("hunter" in answer.text for answer in answers)


async def test_a_removed_secret_is_missed_in_words(api: Api):
    await put(api, "token", "hunter-two-two")
    await api.save(READS)

    await api.call("DELETE", f"{SECRETS}/TOKEN")
    done = await api.run("company.team/reads")

    lines = await api.call("GET", f"/logs/{done['id']}?minLevel=ERROR")
    assert done["state"]["current"] == "FAILED"
    assert "Cannot find secret for key 'token'." in lines[0]["message"]

"""Requests that start flows (triggers spec A7)."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api

HOOK = """\
id: hook
namespace: company.team
inputs:
  - {id: who, type: STRING, defaults: nobody}
  - {id: n, type: INT, defaults: 1}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: "Hello {{ inputs.who }}"}
  - id: fail
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ inputs.who == 'fail' }}"
outputs:
  - {id: said, type: STRING, value: "{{ outputs.say.value }}"}
triggers:
  - id: plain
    type: io.kestra.plugin.core.trigger.Webhook
    key: "{{ flow.id }}-plain"
    conditions:
      - type: io.kestra.plugin.core.condition.Expression
        expression: "{{ (trigger.body.go ?? true) != 'no' }}"
  - {id: off, type: io.kestra.plugin.core.trigger.Webhook, key: off, disabled: true}
  - id: asked
    type: io.kestra.plugin.core.trigger.Webhook
    key: asked
    wait: true
    returnOutputs: true
    inputs: {who: "{{ trigger.body.who }}", n: "{{ trigger.parameters.n[0] ?? 1 }}"}
  - {id: waits, type: io.kestra.plugin.core.trigger.Webhook, key: waits, wait: true, responseCode: 201}
  - id: said
    type: io.kestra.plugin.core.trigger.Webhook
    key: said
    wait: true
    returnOutputs: true
    responseContentType: text/plain
  - id: broken
    type: io.kestra.plugin.core.trigger.Webhook
    key: broken
    conditions:
      - type: io.kestra.plugin.core.condition.ExecutionStatus
        in: [SUCCESS]
"""
PATH = "/executions/webhook/company.team/hook"


@pytest.fixture
async def hook(api: Api) -> Api:
    await api.save(HOOK)
    return api


async def count(api: Api) -> int:
    return (await api.call("GET", "/executions/search"))["total"]


async def test_a_request_is_what_the_execution_sees_as_trigger(hook):
    answer = await hook.call(
        "POST", f"{PATH}/hook-plain?a=1&a=2", json={"x": {"y": 1}}, headers={"X-Kind": "z"}
    )
    assert answer["trigger"]["id"] == "plain"
    variables = answer["trigger"]["variables"]
    assert variables["body"] == {"x": {"y": 1}}
    assert variables["parameters"] == {"a": ["1", "2"]}
    assert variables["headers"]["x-kind"] == ["z"]
    assert answer["url"].endswith(answer["id"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_every_method_and_a_longer_path_will_do(hook, method):
    await hook.call(method, f"{PATH}/hook-plain")
    await hook.call(method, f"{PATH}/hook-plain/more/of%2Fit")
    assert await count(hook) == 2


async def test_text_stays_text_and_nothing_stays_away(hook):
    answer = await hook.call("POST", f"{PATH}/hook-plain", content=b"3")
    assert answer["trigger"]["variables"]["body"] == "3"
    answer = await hook.call("POST", f"{PATH}/hook-plain")
    assert "body" not in answer["trigger"]["variables"]


@pytest.mark.parametrize("path", ["hook/wrong", "hook/off", "hook/plain", "other/hook-plain"])
async def test_without_the_key_there_is_nothing(hook, path):
    await hook.call("POST", f"/executions/webhook/company.team/{path}", expect=404)
    assert await count(hook) == 0


async def test_conditions_that_do_not_hold_start_nothing(hook):
    await hook.call("POST", f"{PATH}/hook-plain", json={"go": "no"}, expect=204)
    assert await count(hook) == 0


async def test_a_condition_that_cannot_be_asked_is_an_execution_that_failed(hook):
    await hook.call("POST", f"{PATH}/broken", expect=500)
    page = await hook.call("GET", "/executions/search?state=FAILED")
    assert page["total"] == 1


async def test_it_may_wait_and_answer_with_the_outputs(hook):
    assert await hook.call("POST", f"{PATH}/asked", json={"who": "you"}) == {"said": "Hello you"}
    assert await hook.call("POST", f"{PATH}/said") == "Hello nobody"


async def test_a_failed_execution_answers_500_unless_told_otherwise(hook):
    await hook.call("POST", f"{PATH}/asked", json={"who": "fail"}, expect=500)
    answer = await hook.call("POST", f"{PATH}/waits", expect=201)
    assert answer["state"]["current"] == "SUCCESS"


async def test_inputs_that_do_not_fit_start_nothing(hook):
    await hook.call("POST", f"{PATH}/asked?n=many", json={"who": "you"}, expect=404)
    await hook.call("POST", f"{PATH}/asked", json={"nobody": "here"}, expect=404)
    assert await count(hook) == 0


async def test_a_disabled_flow_refuses(hook):
    await hook.call(
        "PUT",
        "/flows/company.team/hook",
        content=HOOK + "disabled: true\n",
        headers={"Content-Type": "application/x-yaml"},
    )
    await hook.call("POST", f"{PATH}/hook-plain", expect=409)


async def test_a_webhook_without_inputs_starts_a_flow_that_requires_some(hook: Api):
    source = HOOK.replace("id: hook", "id: asks", 1).replace("type: STRING, defaults: nobody", "type: STRING")
    await hook.save(source.replace("flow.id }}-plain", "flow.namespace }}-asks"))

    started = await hook.call("POST", "/executions/webhook/company.team/asks/company.team-asks", json={})

    assert "who" not in started["inputs"]
    wrong = await hook.call("POST", "/executions/webhook/company.team/asks/none", json={}, expect=404)
    assert "Webhook not found" in wrong["message"]

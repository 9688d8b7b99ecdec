from __future__ import annotations

import asyncio

from batuta.bus.port import ExecutionChanged
from tests.api.conftest import YAML, Api

TWO = """\
id: two
namespace: company.team
tasks:
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: one, type: io.kestra.plugin.core.flow.Pause}
      - {id: other, type: io.kestra.plugin.core.flow.Pause}
"""
CHAIN = """
id: chain
namespace: company.team
inputs: [{id: word, type: STRING, defaults: x}]
tasks:
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.word }}"}
  - {id: b, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.a.value }}-b"}
"""
BROKEN = """
id: broken
namespace: company.team
tasks:
  - {id: a, type: io.kestra.plugin.core.execution.Fail}
  - {id: b, type: io.kestra.plugin.core.debug.Return, format: after}
"""


async def over(api: Api, execution_id: str) -> dict:
    """The execution once it has ended."""
    await api.http.get(f"/api/v1/main/executions/{execution_id}/follow")
    return await api.call("GET", f"/executions/{execution_id}")


async def reaches(api: Api, path: str, state: str) -> dict:
    """The execution once it is in a state."""
    async with api.ports.bus.subscribe(ExecutionChanged) as hints, asyncio.timeout(10):
        while (now := await api.call("GET", path))["state"]["current"] != state:
            await anext(aiter(hints))
    return now


async def test_a_replay_is_a_new_execution(api: Api):
    await api.save(CHAIN)
    first = await api.run("company.team/chain")

    made = await api.call("POST", f"/executions/{first['id']}/replay")
    again = await over(api, made["id"])
    source = await api.call("GET", f"/executions/{first['id']}")

    assert made["id"] != first["id"]
    assert again["state"]["current"] == "SUCCESS"
    assert again["parentId"] == first["id"]
    assert {"key": "system.replay", "value": "true"} in again["labels"]
    assert {"key": "system.replayed", "value": "true"} in source["labels"]


async def test_a_replay_may_begin_at_a_task_run(api: Api):
    await api.save(CHAIN)
    first = await api.run("company.team/chain")
    last = first["taskRunList"][1]["id"]

    made = await api.call("POST", f"/executions/{first['id']}/actions/replay?taskRunId={last}")
    again = await over(api, made["id"])

    assert [len(run["attempts"]) for run in again["taskRunList"]] == [1, 2]
    await api.call("POST", f"/executions/{first['id']}/replay?taskRunId=nothing", expect=422)
    await api.call("POST", f"/executions/{first['id']}/replay?revision=7", expect=404)


async def test_a_replay_may_have_another_revision_and_other_inputs(api: Api):
    await api.save(CHAIN)
    first = await api.run("company.team/chain")
    await api.call("PUT", "/flows/company.team/chain", content=CHAIN.replace("-b", "-c"), headers=YAML)

    made = await api.call(
        "POST", f"/executions/{first['id']}/replay-with-inputs?revision=2", files={"word": (None, "y")}
    )
    again = await over(api, made["id"])

    assert again["flowRevision"] == 2
    assert again["inputs"] == {"word": "y"}
    assert again["taskRunList"][1]["outputs"] == {"value": "y-c"}


async def test_a_restart_with_another_revision_is_a_new_execution(api: Api):
    await api.save(BROKEN)
    failed = await api.call("POST", "/executions/company.team/broken?wait=true")
    mended = BROKEN.replace("execution.Fail}", "debug.Return, format: mended}")
    await api.call("PUT", "/flows/company.team/broken", content=mended, headers=YAML)

    made = await api.call("POST", f"/executions/{failed['id']}/restart?revision=2")
    again = await over(api, made["id"])

    assert made["id"] != failed["id"]
    assert again["parentId"] == failed["id"]
    assert again["state"]["current"] == "SUCCESS"


async def test_a_failed_task_may_count_as_a_success(api: Api):
    await api.save(BROKEN)
    failed = await api.call("POST", "/executions/company.team/broken?wait=true")
    run = failed["taskRunList"][0]["id"]
    path = f"/executions/{failed['id']}/state"

    await api.call("POST", path, json={"taskRunId": run, "state": "SUCCESS"})
    done = await over(api, failed["id"])

    assert done["state"]["current"] == "SUCCESS"
    assert [each["taskId"] for each in done["taskRunList"]] == ["a", "b"]
    await api.call("POST", path, json={"taskRunId": "nothing", "state": "SUCCESS"}, expect=404)
    await api.call("POST", path, json={"taskRunId": run, "state": "RUNNING"}, expect=422)


async def test_the_status_of_what_has_ended_may_be_changed(api: Api):
    await api.save(BROKEN)
    failed = await api.call("POST", "/executions/company.team/broken?wait=true")

    changed = await api.call("POST", f"/executions/{failed['id']}/change-status?status=WARNING")
    count = await api.call(
        "POST", "/executions/change-status/by-ids?newStatus=SUCCESS", json=[failed["id"]], expect=202
    )

    assert changed["state"]["current"] == "WARNING"
    assert count["count"] == 1
    await api.call("POST", f"/executions/{failed['id']}/change-status?status=RUNNING", expect=422)


async def test_many_are_replayed_at_once(api: Api):
    await api.save(CHAIN)
    ids = [(await api.run("company.team/chain"))["id"] for _ in range(2)]

    count = await api.call("POST", "/executions/replay/by-ids", json=ids, expect=202)
    refused = await api.call("POST", "/executions/replay/by-ids", json=[ids[0], "none"], expect=400)
    found = await api.call("GET", "/executions/search?size=10")

    assert count["count"] == 2
    assert refused["message"] == "invalid bulk replay"
    assert found["total"] == 4


async def test_a_flow_may_be_named_like_an_act(api: Api):
    await api.save(CHAIN.replace("id: chain", "id: replay"))

    done = await api.call("POST", "/executions/company.team/replay?wait=true")

    assert done["state"]["current"] == "SUCCESS"


CHECKED = """
id: checked
namespace: company.team
inputs: [{id: n, type: INT}]
checks:
  - {when: "{{ inputs.n < 10 }}", message: n is high, style: WARNING, behavior: FAIL_EXECUTION}
  - {when: "{{ inputs.n < 20 }}", message: n is too high, style: ERROR}
tasks:
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: x}
"""


async def test_checks_are_made_before_an_execution_is_created(api: Api):
    await api.save(CHECKED)

    failed = await api.run("company.team/checked", n="15")
    refused = await api.call(
        "POST", "/executions/company.team/checked", files={"n": (None, "25")}, expect=422
    )
    said = await api.call("POST", "/executions/company.team/checked/validate", files={"n": (None, "15")})
    found = await api.call("GET", "/executions/search")

    assert failed["state"]["current"] == "FAILED"
    assert failed.get("taskRunList", []) == []
    assert "n is too high" in refused["message"]
    assert said["checks"] == [{"message": "n is high", "style": "WARNING", "behavior": "FAIL_EXECUTION"}]
    assert found["total"] == 1


async def test_an_execution_stops_at_a_breakpoint(api: Api):
    await api.save(CHAIN)
    started = await api.call("POST", "/executions/company.team/chain?breakpoints=a")
    path = f"/executions/{started['id']}"
    now = await reaches(api, path, "BREAKPOINT")

    await api.call("POST", f"{path}/resume-from-breakpoint")
    done = await over(api, started["id"])

    assert now["breakpoints"] == [{"id": "a"}]
    assert [run["state"]["current"] for run in now["taskRunList"]] == ["BREAKPOINT"]
    assert done["state"]["current"] == "SUCCESS"
    await api.call("POST", f"{path}/resume-from-breakpoint", expect=409)


APPROVAL = """
id: release
namespace: company.team
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Approval
    commentRequired: ON_DENY
    inputs: [{id: size, type: INT}]
  - {id: after, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.ask.inputs.size + 1 }}"}
"""


async def test_an_approval_is_reviewed(api: Api):
    await api.save(APPROVAL)
    started = await api.call("POST", "/executions/company.team/release")
    path = f"/executions/{started['id']}"
    await reaches(api, path, "PAUSED")

    for wrong in (
        {"decision": "MAYBE"},
        {"decision": "DENIED"},
        {"decision": "APPROVED", "inputs": {"size": "x"}},
    ):
        await api.call("POST", f"{path}/actions/review", json=wrong, expect=422)
    await api.call("POST", f"{path}/actions/review", json={"decision": "APPROVED", "inputs": {"size": "4"}})
    done = await over(api, started["id"])

    assert done["state"]["current"] == "SUCCESS"
    assert done["taskRunList"][0]["outputs"]["decision"] == "APPROVED"
    assert done["taskRunList"][1]["outputs"] == {"value": "5"}
    await api.call("POST", f"{path}/actions/review", json={"decision": "APPROVED"}, expect=409)


async def paused(api: Api, execution_id: str, count: int) -> dict:
    """The execution once so many of its task runs are paused."""
    async with api.ports.bus.subscribe(ExecutionChanged) as hints, asyncio.timeout(10):
        while True:
            found = await api.call("GET", f"/executions/{execution_id}")
            if sum(run["state"]["current"] == "PAUSED" for run in found.get("taskRunList", ())) == count:
                return found
            await anext(aiter(hints))


async def test_of_several_pauses_the_first_is_resumed(api: Api):
    await api.save(TWO)
    made = await api.call("POST", "/executions/company.team/two")
    await paused(api, made["id"], 2)

    first = await api.call("POST", f"/executions/{made['id']}/resume")
    second = await api.call("POST", f"/executions/{made['id']}/resume")

    assert first["state"]["current"] == "PAUSED"
    assert [run["state"]["current"] for run in first["taskRunList"]][1:].count("PAUSED") == 1
    assert "PAUSED" not in [run["state"]["current"] for run in second["taskRunList"]]


async def test_of_several_pauses_the_first_is_forced(api: Api):
    await api.save(TWO)
    made = await api.call("POST", "/executions/company.team/two")
    await paused(api, made["id"], 2)

    first = await api.call("POST", f"/executions/{made['id']}/force-run")
    second = await api.call("POST", f"/executions/{made['id']}/force-run")

    assert [run["state"]["current"] for run in first["taskRunList"]][1:].count("PAUSED") == 1
    assert "PAUSED" not in [run["state"]["current"] for run in second["taskRunList"]]


async def test_what_waits_for_something_else_is_not_resumed(api: Api):
    await api.save(
        """
        id: looping
        namespace: company.team
        tasks:
          - id: again
            type: io.kestra.plugin.core.flow.LoopUntil
            condition: "{{ false }}"
            checkFrequency: {interval: PT1H}
            tasks: [{id: look, type: io.kestra.plugin.core.log.Log, message: looking}]
        """
    )
    await api.save(
        """
        id: asking
        namespace: company.team
        tasks: [{id: ask, type: io.kestra.plugin.core.flow.Approval}]
        """
    )
    looping = await api.call("POST", "/executions/company.team/looping")
    asking = await api.call("POST", "/executions/company.team/asking")
    await paused(api, looping["id"], 1)
    await paused(api, asking["id"], 1)

    of_loop = await api.call("POST", f"/executions/{looping['id']}/resume", expect=409)
    of_approval = await api.call("POST", f"/executions/{asking['id']}/resume", expect=409)

    assert "the task `again` begins its next pass by itself at 20" in of_loop["message"]
    assert "the task `ask` waits for a decision" in of_approval["message"]

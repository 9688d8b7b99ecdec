"""What flows of the reference count on, seen through the whole program (flow spec §6, §12, §15)."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Api
from tests.api.test_operations import over, reaches

RETRIED_IN_A_FOLDER = """
    id: retried
    namespace: company.team
    tasks:
      - id: folder
        type: io.kestra.plugin.core.flow.WorkingDirectory
        tasks:
          - id: flaky
            type: io.kestra.plugin.core.debug.Return
            format: "{{ taskrun.attemptsCount == 1 ? 'at last' : nothing }}"
            retry: {type: constant, interval: PT0.05S, maxAttempts: 3}
          - id: next
            type: io.kestra.plugin.core.debug.Return
            format: "{{ outputs.flaky.value }}"
    """
ROWS = """
    id: rows
    namespace: company.team
    inputs:
      - {id: file, type: FILE}
    tasks:
      - id: each
        type: io.kestra.plugin.core.flow.ForEachItem
        items: "{{ inputs.file }}"
        namespace: company.team
        flowId: row
        inputs:
          part: "{{ taskrun.items }}"
    """
ROW = """
    id: row
    namespace: company.team
    inputs:
      - {id: part, type: STRING}
    tasks:
      - id: look
        type: io.kestra.plugin.core.debug.Return
        format: "{{ (read(inputs.part) contains 'bad' and taskrun.attemptsCount == 0) ? nothing : 'fine' }}"
    """
SLOW = """
    id: slow
    namespace: company.team
    tasks:
      - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT30S}
    """
FALTERING = """
    id: faltering
    namespace: company.team
    tasks:
      - id: block
        type: io.kestra.plugin.core.flow.Sequential
        tasks:
          - {id: good, type: io.kestra.plugin.core.debug.Return, format: fine}
          - id: bad
            type: io.kestra.plugin.core.debug.Return
            format: "{{ taskrun.attemptsCount == 1 ? 'at last' : nothing }}"
        errors:
          - {id: tell, type: io.kestra.plugin.core.debug.Return, format: sorry}
      - {id: last, type: io.kestra.plugin.core.debug.Return, format: over}
    outputs:
      - {id: word, type: STRING, value: "{{ outputs.last.value ?? 'none' }}"}
    """


def run_of(execution: dict[str, Any], task: str) -> dict[str, Any]:
    return next(run for run in execution["taskRunList"] if run["taskId"] == task)


def states(run: dict[str, Any]) -> list[str]:
    return [each["state"] for each in run["state"]["histories"]]


async def test_a_child_of_a_working_directory_is_tried_again(api: Api):
    await api.save(RETRIED_IN_A_FOLDER)

    done = await api.run("company.team/retried")

    assert done["state"]["current"] == "SUCCESS"
    flaky = run_of(done, "flaky")
    assert states(flaky) == ["CREATED", "RUNNING", "FAILED", "RETRYING", "CREATED", "RUNNING", "SUCCESS"]
    assert [each["state"]["current"] for each in flaky["attempts"]] == ["FAILED", "SUCCESS"]
    assert run_of(done, "next")["outputs"] == {"value": "at last"}


async def test_a_restart_runs_the_failed_batch_of_a_file_again_and_no_other(api: Api):
    await api.save(ROW)
    await api.save(ROWS)
    form = {"file": ("rows.txt", b"good\nbad\nfine\n")}
    failed = await api.call("POST", "/executions/company.team/rows?wait=true", files=form)
    assert run_of(failed, "each_items")["outputs"]["iterations"]["FAILED"] == 1

    await api.call("POST", f"/executions/{failed['id']}/restart")
    done = await over(api, failed["id"])

    assert done["state"]["current"] == "SUCCESS"
    assert run_of(done, "each_items")["outputs"]["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 3}
    found = await api.call("GET", "/executions/search?filters[flowId][EQUALS]=row")
    children = [await api.call("GET", f"/executions/{each['id']}") for each in found["results"]]
    assert sorted(len(run_of(each, "look")["attempts"]) for each in children) == [1, 1, 2]


async def test_a_killed_execution_is_restarted_at_once(api: Api):
    await api.save(SLOW)
    started = await api.call("POST", "/executions/company.team/slow")
    await reaches(api, f"/executions/{started['id']}", "RUNNING")
    killed = await api.call("DELETE", f"/executions/{started['id']}/kill")
    assert killed["state"]["current"] in ("KILLING", "KILLED")

    await api.call("POST", f"/executions/{started['id']}/restart")

    again = await reaches(api, f"/executions/{started['id']}", "RUNNING")
    assert again["metadata"]["attemptNumber"] == 2
    await api.call("DELETE", f"/executions/{started['id']}/kill")


async def test_a_restart_answers_with_what_it_does_and_not_with_what_came_of_it(api: Api):
    await api.save(FALTERING)
    failed = await api.run("company.team/faltering")

    answer = await api.call("POST", f"/executions/{failed['id']}/restart")

    assert [each["state"] for each in answer["state"]["histories"]] == [
        "CREATED",
        "RUNNING",
        "FAILED",
        "RESTARTED",
    ]
    assert [
        (run["taskId"], run["state"]["current"], len(run["attempts"])) for run in answer["taskRunList"]
    ] == [
        ("block", "RUNNING", 1),
        ("good", "SUCCESS", 1),
        ("bad", "RESTARTED", 1),
    ]
    assert "outputs" not in answer
    done = await over(api, failed["id"])
    assert done["state"]["current"] == "SUCCESS"
    assert [run["taskId"] for run in done["taskRunList"]] == ["block", "good", "bad", "last"]


async def test_a_mark_answers_with_the_execution_on_its_way(api: Api):
    await api.save(FALTERING)
    failed = await api.run("company.team/faltering")
    mark = {"taskRunId": run_of(failed, "bad")["id"], "state": "SUCCESS"}

    answer = await api.call("POST", f"/executions/{failed['id']}/state", json=mark)

    assert answer["state"]["current"] == "RESTARTED"
    assert run_of(answer, "bad")["state"]["current"] == "SUCCESS"
    assert run_of(answer, "block")["state"]["current"] == "RUNNING"

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

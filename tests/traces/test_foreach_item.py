"""ForEachItem: split, one execution per batch, merge (flow spec §6.8)."""

from __future__ import annotations

from batuta.expr import Fact
from batuta.model.state import State
from batuta.testing.run import Run, run
from tests.support.shorthand import flow

SPLITS = "kestra:///splits.txt"
PARENT = """
tasks:
  - ForEachItem: each
    items: kestra:///rows.txt
    namespace: company.team
    flowId: child
    inputs: {part: "{{ taskrun.items }}", turn: "{{ taskrun.iteration }}"}
    OPTIONS
  - last
"""
CHILD = """
id: child
inputs: [{id: part, type: STRING}, {id: turn, type: STRING}]
outputs: [{id: seen, type: STRING, value: "{{ inputs.part }} {{ inputs.turn }}"}]
tasks: [work]
"""


def each(options: str = "", batches: str = "kestra:///0\nkestra:///1\n", child: str = CHILD, **given) -> Run:
    return run(
        flow(PARENT.replace("OPTIONS", options)),
        flow(child),
        given={"each_split": {"splits": SPLITS}, **given},
        facts={Fact("read", (SPLITS, None)): batches},
    )


def test_a_batch_is_an_execution():
    done = each()

    assert done.runs == dict.fromkeys(("each", "each_split", "each_items", "each_merge", "last"), "SUCCESS")
    assert done.outputs["each_items"] == {
        "numberOfBatches": 2,
        "iterations": {"CREATED": 0, "RUNNING": 0, "SUCCESS": 2},
    }
    [rows] = done.simulation.stored.values()
    assert rows == [{"seen": "kestra:///0 0"}, {"seen": "kestra:///1 1"}]


def test_no_items_are_a_success():
    done = each(batches="")

    assert done.state is State.SUCCESS
    assert done.outputs["each_items"] == {"numberOfBatches": 0, "iterations": {}}
    assert "subflowOutputs" not in done.outputs.get("each_merge", {})


def test_a_failed_batch_fails_the_task_and_nothing_is_merged():
    done = each(work=[State.FAILED])

    assert done.runs == {
        "each": "FAILED",
        "each_split": "SUCCESS",
        "each_items": "FAILED",
    }
    assert done.outputs["each_items"]["iterations"] == {"CREATED": 0, "RUNNING": 0, "FAILED": 2}


def test_a_failed_batch_may_be_passed_over():
    done = each("transmitFailed: false", work=[State.FAILED])

    assert done.state is State.SUCCESS
    assert done.runs["last"] == "SUCCESS"


def test_who_does_not_wait_counts_what_was_created():
    done = each("wait: false", work=[State.FAILED])

    assert done.state is State.SUCCESS
    assert done.outputs["each_items"]["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 2}


def faltering(times: int) -> str:
    """A child flow that fails so many times with the second batch."""
    trial = f"inputs.turn == '1' and taskrun.attemptsCount < {times}"
    return CHILD.replace("[work]", f'[{{Return: try, format: "{{{{ {trial} ? nothing : 1 }}}}"}}]')


def counts(**states: int) -> dict[str, int]:
    return {"CREATED": 0, "RUNNING": 0, **states}


def test_a_restart_runs_again_only_what_failed():
    done = each(child=faltering(1))
    assert done.outputs["each_items"]["iterations"] == counts(SUCCESS=1, FAILED=1)

    done.restart()

    assert done.state is State.SUCCESS
    assert done.outputs["each_items"]["iterations"] == counts(SUCCESS=2)
    attempts = [
        len(run.attempts) for child in done.simulation.children(done.id) for run in child.runs.values()
    ]
    assert attempts == [1, 2]
    [rows] = done.simulation.stored.values()
    assert sorted(row["seen"] for row in rows) == ["kestra:///0 0", "kestra:///1 1"]


def test_a_restart_may_fail_again_and_be_repeated():
    done = each(child=faltering(2))

    done.restart()
    assert done.outputs["each_items"]["iterations"] == counts(SUCCESS=1, FAILED=1)
    done.restart()

    assert done.state is State.SUCCESS
    assert len(done.simulation.children(done.id)) == 2


def test_a_restart_begins_anew_where_it_is_told_to():
    done = each("restartBehavior: NEW_EXECUTION", child=faltering(1))

    done.restart()

    assert done.outputs["each_items"]["iterations"] == counts(SUCCESS=1, FAILED=1)
    assert len(done.simulation.children(done.id)) == 4


def test_a_restart_begins_anew_where_a_flow_could_not_be_started():
    done = each(child=CHILD.replace("id: child", "id: other"))
    assert done.outputs["each_items"]["iterations"] == counts(FAILED=2)

    done.restart()

    assert done.outputs["each_items"]["iterations"] == counts(FAILED=2)
    assert len(done.run("each_items").attempts) == 2

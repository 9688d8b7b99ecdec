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

"""Outputs of flows and subflows (flow spec §3, §6.13)."""

from __future__ import annotations

from batuta.model.state import State
from batuta.testing.run import Outcome, run
from tests.support.shorthand import flow

FAILED = State.FAILED
CHILD = flow(
    """
    id: child
    inputs: [{id: day, type: STRING, defaults: monday}]
    tasks: [work]
    outputs: [{id: said, type: STRING, value: "{{ inputs.day }}!"}]
    """
)


def parent(**extra: object) -> str:
    options = ", ".join(f"{key}: {value}" for key, value in extra.items())
    return flow(
        f"""
        id: parent
        tasks:
          - {{Subflow: s, namespace: company.team, flowId: child, inputs: {{day: tuesday}}{
            ", " + options if options else ""
        }}}
          - after
        """
    )


def test_outputs_are_rendered_and_typed_at_the_end():
    done = run(
        flow(
            """
            tasks: [{Return: a, format: "42"}]
            outputs:
              - {id: number, type: INT, value: "{{ outputs.a.value }}"}
              - {id: text, type: STRING, value: "{{ outputs.a.value }}"}
            """
        )
    )

    assert done.execution.outputs == {"number": 42, "text": "42"}


def test_outputs_are_rendered_for_a_failed_execution_too():
    done = run(
        flow(
            """
            tasks: [{Return: a, format: kept}, b]
            outputs: [{id: v, type: STRING, value: "{{ outputs.a.value }}"}]
            """
        ),
        given={"b": FAILED},
    )

    assert done.state is FAILED
    assert done.execution.outputs == {"v": "kept"}


def test_an_output_that_cannot_be_rendered_fails_the_execution():
    done = run(flow("{tasks: [a], outputs: [{id: v, type: STRING, value: '{{ outputs.no.value }}'}]}"))

    assert done.history == ["CREATED", "RUNNING", "SUCCESS", "FAILED"]
    assert "Failed to render output values" in done.log


def test_a_flow_without_inputs_has_no_such_name():
    done = run(flow("{tasks: [{Return: r, format: '{{ inputs.day }}'}]}"))

    assert done.runs == {"r": "FAILED"}
    assert "Unable to find `inputs` used in the expression `{{ inputs.day }}` at line 1" in done.log


def test_a_subflow_gets_inputs_and_gives_outputs():
    done = run(parent(), CHILD)

    assert done.state is State.SUCCESS
    assert done.outputs["s"] == {
        "executionId": done.child.id,
        "state": "SUCCESS",
        "outputs": {"said": "tuesday!"},
    }
    assert done.child.execution.trigger.variables["executionId"] == done.id
    assert done.child.execution.labels[-1].value == done.id


def test_a_failed_child_fails_its_task_unless_told_otherwise():
    done = run(parent(), CHILD, given={"work": FAILED})
    assert done.runs == {"s": "FAILED"}
    assert done.outputs["s"]["state"] == "FAILED"

    done = run(parent(transmitFailed="false"), CHILD, given={"work": FAILED})
    assert done.runs == {"s": "SUCCESS", "after": "SUCCESS"}
    assert done.outputs["s"]["state"] == "FAILED"


def test_who_does_not_wait_goes_on_at_once():
    done = run(parent(wait="false"), CHILD, given={"work": Outcome(held=True)})

    assert done.state is State.SUCCESS
    assert done.outputs["s"] == {"executionId": done.child.id}
    assert done.child.state is State.RUNNING


def test_an_unknown_flow_fails_the_task():
    done = run(parent())

    assert done.runs == {"s": "FAILED"}
    assert "Unable to find flow" in done.log


def test_a_kill_reaches_the_child_and_comes_back():
    done = run(parent(), CHILD, given={"work": Outcome(held=True)})

    done.kill()

    assert done.state is State.KILLED
    assert done.child.state is State.KILLED
    assert done.runs == {"s": "KILLED"}
    assert done.execution.settled


def test_a_kill_without_cascade_leaves_the_child_alone():
    done = run(parent(), CHILD, given={"work": Outcome(held=True)})

    done.kill(cascade=False)

    assert done.runs == {"s": "KILLED"}
    assert done.child.state is State.RUNNING


def test_a_restart_of_the_parent_restarts_the_failed_child():
    done = run(parent(), CHILD, given={"work": [FAILED, State.SUCCESS]})
    child = done.child.id

    done.restart()

    assert done.state is State.SUCCESS
    assert done.child.id == child
    assert done.child.history == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]


def test_a_retried_subflow_starts_a_new_child():
    done = run(
        parent(retry="{type: constant, interval: PT1S, maxAttempts: 2}"),
        CHILD,
        given={"work": [FAILED, FAILED]},
    )
    done.move(seconds=2)

    assert done.attempts_of("s") == ["FAILED", "FAILED"]
    assert len(done.simulation.children(done.id)) == 2


def test_a_subflow_task_may_ask_for_outputs_of_its_own():
    done = run(
        parent(outputs='{seen: "{{ inputs.day }} {{ outputs.work.n }}"}'), CHILD, given={"work": {"n": 1}}
    )

    assert done.outputs["s"]["outputs"] == {"seen": "tuesday 1"}


def test_outputs_that_cannot_be_rendered_fail_the_subflow_task():
    done = run(parent(outputs='{seen: "{{ outputs.nothing.value }}"}'), CHILD)

    assert done.child.state is State.SUCCESS
    assert done.runs == {"s": "FAILED"}
    assert done.outputs["s"]["executionId"] == done.child.id
    assert "Failed to extract the outputs of the subflow" in done.log


def test_an_optional_output_that_cannot_be_rendered_is_null():
    done = run(
        flow(
            """
            tasks: [a]
            outputs:
              - {id: sure, type: STRING, value: yes}
              - {id: maybe, type: STRING, value: "{{ outputs.nothing.value }}", required: false}
            """
        )
    )

    assert done.state is State.SUCCESS
    assert done.execution.outputs == {"sure": "true", "maybe": None}
    assert "WARN Failed to render the optional output `maybe`, it is null: " in done.log

"""Tasks one after the other, and what a failure does (flow spec §5.2-§5.4, worked traces of §20)."""

from __future__ import annotations

from batuta.model.state import State
from batuta.testing.run import run
from tests.support.shorthand import flow

FAILED = State.FAILED


def test_tasks_run_one_after_the_other():
    done = run(flow("tasks: [a, b, c]"))

    assert done.runs == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert done.history == ["CREATED", "RUNNING", "SUCCESS"]
    assert done.history_of("a") == ["CREATED", "SUBMITTED", "RUNNING", "SUCCESS"]


def test_a_failed_task_hands_over_to_errors_and_skips_the_rest():
    done = run(flow("{tasks: [a, b, c], errors: [e1, e2]}"), given={"b": FAILED})

    assert done.state is FAILED
    assert done.runs == {"a": "SUCCESS", "b": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS"}


def test_an_allowed_failure_is_a_warning_and_fires_no_errors():
    done = run(flow("{tasks: [a, {run: b, allowFailure: true}, c], errors: [e]}"), given={"b": FAILED})

    assert done.state is State.WARNING
    assert done.runs == {"a": "SUCCESS", "b": "WARNING", "c": "SUCCESS"}
    assert done.attempts_of("b") == ["FAILED"]


def test_both_flags_make_a_failure_a_success():
    done = run(flow("tasks: [{run: b, allowFailure: true, allowWarning: true}]"), given={"b": FAILED})

    assert done.state is State.SUCCESS
    assert done.runs == {"b": "SUCCESS"}


def test_a_failing_finally_does_not_change_the_result_and_does_not_stop_the_next():
    done = run(flow("{tasks: [a], finally: [f, g]}"), given={"f": FAILED})

    assert done.state is State.SUCCESS
    assert done.runs == {"a": "SUCCESS", "f": "FAILED", "g": "SUCCESS"}


def test_errors_run_from_the_inside_out():
    done = run(
        flow("{tasks: [{Sequential: s, tasks: [x], errors: [h]}, t], errors: [e]}"),
        given={"x": FAILED},
    )

    assert done.state is FAILED
    assert list(done.runs.items()) == [("s", "FAILED"), ("x", "FAILED"), ("h", "SUCCESS"), ("e", "SUCCESS")]


def test_a_block_that_may_fail_warns_and_the_flow_goes_on():
    done = run(
        flow(
            """
            tasks:
              - Sequential: s
                tasks:
                  - AllowFailure: w
                    tasks: [{Sequential: q, tasks: [r1, ko, r3]}]
                    errors: [h]
              - t
            """
        ),
        given={"ko": FAILED},
    )

    assert done.state is State.WARNING
    assert done.runs == {
        "s": "WARNING",
        "w": "WARNING",
        "q": "FAILED",
        "r1": "SUCCESS",
        "ko": "FAILED",
        "h": "SUCCESS",
        "t": "SUCCESS",
    }


def test_finally_comes_after_errors_on_every_level():
    done = run(
        flow(
            """
            tasks:
              - Sequential: outer
                tasks:
                  - Sequential: inner
                    tasks: [bad]
                    finally: [f_inner]
                errors: [e_outer]
                finally: [f_outer]
              - never
            errors: [e_flow]
            finally: [f_flow]
            """
        ),
        given={"bad": FAILED},
    )

    assert list(done.runs) == ["outer", "inner", "bad", "f_inner", "e_outer", "f_outer", "e_flow", "f_flow"]
    assert done.state is FAILED


def test_a_failing_error_handler_does_not_stop_the_next():
    done = run(flow("{tasks: [bad], errors: [e1, e2], finally: [f]}"), given={"bad": FAILED, "e1": FAILED})

    assert done.runs == {"bad": "FAILED", "e1": "FAILED", "e2": "SUCCESS", "f": "SUCCESS"}


def test_a_disabled_task_does_not_take_part():
    done = run(flow("tasks: [a, {run: b, disabled: true}, c]"))

    assert done.runs == {"a": "SUCCESS", "c": "SUCCESS"}


def test_a_flow_of_disabled_tasks_succeeds():
    done = run(flow("tasks: [{run: b, disabled: true}]"))

    assert done.state is State.SUCCESS
    assert done.runs == {}


def test_a_false_condition_skips_the_task():
    done = run(flow("tasks: [a, {run: b, when: '{{ false }}'}, c]"))

    assert done.state is State.SUCCESS
    assert done.runs == {"a": "SUCCESS", "b": "SKIPPED", "c": "SUCCESS"}
    assert done.attempts_of("b") == ["SKIPPED"]


def test_the_older_name_of_the_condition_is_understood():
    done = run(flow("tasks: [{run: b, runIf: '{{ 0 }}'}]"))

    assert done.runs == {"b": "SKIPPED"}


def test_a_skipped_flowable_has_no_children():
    done = run(flow("tasks: [{Sequential: s, when: 'false', tasks: [x]}, t]"))

    assert done.runs == {"s": "SKIPPED", "t": "SUCCESS"}


def test_a_condition_that_cannot_be_rendered_fails_the_task():
    done = run(flow("tasks: [{run: b, when: '{{ outputs.nothing.here }}'}, c]"))

    assert done.state is FAILED
    assert done.runs == {"b": "FAILED"}
    assert "Unable to evaluate the runIf condition for task b" in done.log


def test_after_execution_runs_when_all_is_over_and_changes_nothing():
    done = run(
        flow("{tasks: [a], afterExecution: [x, y]}"),
        given={"x": FAILED},
    )

    assert done.state is State.SUCCESS
    assert done.runs == {"a": "SUCCESS", "x": "FAILED", "y": "SUCCESS"}
    assert done.history == ["CREATED", "RUNNING", "SUCCESS"]
    assert done.execution.settled


def test_after_execution_sees_the_final_state():
    done = run(
        flow("{tasks: [bad], afterExecution: [{OutputValues: x, values: {state: '{{ execution.state }}'}}]}"),
        given={"bad": FAILED},
    )

    assert done.outputs["x"] == {"values": {"state": "FAILED"}}


def test_an_unknown_task_run_or_an_old_token_changes_nothing():
    done = run(flow("tasks: [a]"))
    before = done.ledger.runs.copy()

    from batuta.engine.events import TaskRunFinished

    run_id = done.run("a").id
    for event in (
        TaskRunFinished(execution_id=done.id, task_run_id="nobody", token=1, state=FAILED),
        TaskRunFinished(execution_id=done.id, task_run_id=run_id, token=0, state=FAILED),
        TaskRunFinished(execution_id=done.id, task_run_id=run_id, token=1, state=FAILED),
    ):
        done.simulation.send(event)

    assert done.ledger.runs == before
    assert done.state is State.SUCCESS


def test_handlers_see_the_first_failure():
    done = run(
        flow(
            """
            tasks: [{Sequential: s, tasks: [{Fail: bad, errorMessage: no luck}]}]
            errors: [{Return: told, format: "{{ error.taskId }}: {{ error.message }}"}]
            """
        )
    )

    assert done.outputs["told"]["value"] == "bad: no luck"
    assert done.run("bad").attempts[0].problem == "no luck"

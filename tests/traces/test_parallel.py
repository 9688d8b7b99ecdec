"""Children side by side, with and without dependencies (flow spec §6.2, §6.3)."""

from __future__ import annotations

from batuta.model.state import State
from batuta.testing.run import Outcome, run
from tests.support.shorthand import flow

HELD = Outcome(held=True)


def test_all_children_start_together():
    done = run(flow("tasks: [{Parallel: p, tasks: [a, b, c]}]"), given=dict.fromkeys("abc", HELD))

    assert done.runs == {"p": "RUNNING", "a": "RUNNING", "b": "RUNNING", "c": "RUNNING"}


def test_at_most_concurrent_children_are_under_way():
    done = run(
        flow("tasks: [{Parallel: p, concurrent: 2, tasks: [a, b, c, d]}]"), given=dict.fromkeys("abcd", HELD)
    )
    assert list(done.runs) == ["p", "a", "b"]

    done.release("b")

    assert list(done.runs) == ["p", "a", "b", "c"]


def test_a_failed_child_fails_the_block_at_once_and_a_late_result_changes_nothing():
    done = run(flow("tasks: [{Parallel: p, tasks: [bad, slow]}, never]"), given={"bad": HELD, "slow": HELD})

    late = done.simulation.held[done.run("slow").id]
    done.release("bad", State.FAILED)

    assert done.state is State.FAILED
    assert done.runs == {"p": "FAILED", "bad": "FAILED", "slow": "FAILED"}
    done.simulation.held[late.run.id] = late
    done.release("slow")
    assert done.state is State.FAILED


def test_no_new_child_starts_after_a_failure():
    done = run(
        flow("tasks: [{Parallel: p, concurrent: 1, tasks: [bad, never]}]"), given={"bad": State.FAILED}
    )

    assert done.runs == {"p": "FAILED", "bad": "FAILED"}


def test_errors_of_a_parallel_start_at_once_and_in_order():
    done = run(
        flow("tasks: [{Parallel: p, tasks: [bad, slow], errors: [e1, e2], finally: [f]}]"),
        given={"bad": State.FAILED, "slow": HELD},
    )

    assert done.runs == {
        "p": "FAILED",
        "bad": "FAILED",
        "slow": "FAILED",
        "e1": "SUCCESS",
        "e2": "SUCCESS",
        "f": "SUCCESS",
    }


def test_on_child_failure_takes_the_siblings_down():
    done = run(
        flow("tasks: [{Parallel: p, onChildFailure: CANCEL, tasks: [bad, slow]}]"),
        given={"bad": HELD, "slow": HELD},
    )

    slow = done.run("slow").id
    done.release("bad", State.FAILED)

    assert done.runs == {"p": "FAILED", "bad": "FAILED", "slow": "CANCELLED"}
    assert slow in done.simulation.stopped


def test_a_warning_child_makes_the_block_warn():
    done = run(
        flow("tasks: [{Parallel: p, tasks: [{run: a, allowFailure: true}, b]}, c]"), given={"a": State.FAILED}
    )

    assert done.runs == {"p": "WARNING", "a": "WARNING", "b": "SUCCESS", "c": "SUCCESS"}
    assert done.state is State.WARNING


def test_a_dag_starts_a_task_when_its_dependencies_have_ended():
    done = run(
        flow(
            """
            tasks:
              - Dag: d
                tasks:
                  - {task: ship, dependsOn: [fetch, lint]}
                  - {task: fetch}
                  - {task: lint, dependsOn: [fetch]}
            """
        ),
        given={"fetch": HELD, "lint": HELD},
    )
    assert list(done.runs) == ["d", "fetch"]

    done.release("fetch")
    assert list(done.runs) == ["d", "fetch", "lint"]

    done.release("lint")
    assert list(done.runs) == ["d", "fetch", "lint", "ship"]
    assert done.state is State.SUCCESS


def test_a_disabled_task_of_a_dag_hands_on_what_it_would_have_waited_for():
    done = run(
        flow(
            """
            tasks:
              - Dag: d
                tasks:
                  - {task: fetch}
                  - {task: {Return: lint, disabled: true}, dependsOn: [fetch]}
                  - {task: {Return: sign, disabled: true}, dependsOn: [lint]}
                  - {task: ship, dependsOn: [sign]}
                  - {task: {Return: warm, disabled: true}}
                  - {task: greet, dependsOn: [warm]}
            """
        ),
        given={"fetch": HELD},
    )
    assert done.runs == {"d": "RUNNING", "fetch": "RUNNING", "greet": "SUCCESS"}

    done.release("fetch")

    assert done.runs == {"d": "SUCCESS", "fetch": "SUCCESS", "greet": "SUCCESS", "ship": "SUCCESS"}


def test_a_failed_task_of_a_dag_fails_it():
    done = run(
        flow("tasks: [{Dag: d, tasks: [{task: a}, {task: b, dependsOn: [a]}], errors: [e]}]"),
        given={"a": State.FAILED},
    )

    assert done.runs == {"d": "FAILED", "a": "FAILED", "e": "SUCCESS"}

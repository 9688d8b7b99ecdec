"""Retries of tasks, of blocks and of flows (flow spec §12)."""

from __future__ import annotations

from batuta.model.state import State
from batuta.testing.run import Outcome, run
from tests.support.shorthand import flow

FAILED, SUCCESS = State.FAILED, State.SUCCESS
FIVE = "retry: {type: constant, interval: PT1S, maxAttempts: 5}"


def test_a_failed_task_is_tried_again_until_its_attempts_are_spent():
    done = run(flow(f"{{tasks: [{{run: b, {FIVE}}}], errors: [e]}}"), given={"b": FAILED})
    assert done.state is State.RETRYING
    assert done.runs == {"b": "RETRYING"}

    done.move(seconds=10)

    assert done.state is FAILED
    assert done.attempts_of("b") == ["FAILED"] * 5
    assert done.history_of("b")[:8] == [
        "CREATED", "SUBMITTED", "RUNNING", "FAILED", "RETRYING", "CREATED", "SUBMITTED", "RUNNING",
    ]  # fmt: skip
    assert done.runs == {"b": "FAILED", "e": "SUCCESS"}


def test_a_later_success_may_be_a_warning():
    done = run(
        flow(
            "tasks: [{run: b, retry: {type: constant, interval: PT1S, maxAttempts: 5, warningOnRetry: true}}]"
        ),
        given={"b": [FAILED, FAILED, FAILED, SUCCESS]},
    )
    done.move(seconds=10)

    assert done.state is State.WARNING
    assert done.attempts_of("b") == ["FAILED", "FAILED", "FAILED", "SUCCESS"]


def test_the_retry_of_a_block_tries_the_failed_leaf_again():
    done = run(
        flow("tasks: [{Sequential: s, retry: {type: constant, interval: PT1S, maxAttempts: 3}, tasks: [x]}]"),
        given={"x": FAILED},
    )
    done.move(seconds=10)

    assert done.attempts_of("x") == ["FAILED"] * 3
    assert done.runs == {"s": "FAILED", "x": "FAILED"}


def test_the_closest_policy_wins():
    done = run(
        flow(
            """
            retry: {type: constant, interval: PT1S, maxAttempts: 9}
            tasks:
              - Sequential: s
                retry: {type: constant, interval: PT1S, maxAttempts: 4}
                tasks: [{run: x, retry: {type: constant, interval: PT1S, maxAttempts: 2}}]
            """
        ),
        given={"x": FAILED},
    )
    done.move(seconds=20)

    assert len(done.attempts_of("x")) == 2


def test_intervals_grow_and_never_pass_the_duration():
    done = run(
        flow(
            """
            tasks:
              - run: x
                retry: {type: exponential, interval: PT1S, maxInterval: PT7S, maxDuration: PT8S}
            """
        ),
        given={"x": FAILED},
    )
    done.move(seconds=100)

    starts = [attempt.state.started_at for attempt in done.run("x").attempts]
    assert [round((at - starts[0]).total_seconds()) for at in starts] == [0, 1, 3, 7]


def test_siblings_go_on_while_a_task_waits_for_its_retry():
    done = run(
        flow("tasks: [{Parallel: p, tasks: [{Sequential: s, tasks: [a, b]}, {run: x, " + FIVE + "}]}]"),
        given={"x": [FAILED, SUCCESS]},
    )

    assert done.state is State.RETRYING
    assert done.runs["b"] == "SUCCESS"
    done.move(seconds=2)
    assert done.state is SUCCESS


def test_a_retry_that_is_cut_off_does_not_hold_the_execution():
    done = run(
        flow("tasks: [{Parallel: p, tasks: [{run: x, " + FIVE + "}, y]}]"),
        given={"x": FAILED, "y": Outcome(held=True)},
    )
    assert done.state is State.RETRYING

    done.release("y", FAILED)

    assert done.state is FAILED
    assert done.runs == {"p": "FAILED", "x": "FAILED", "y": "FAILED"}


def test_a_retry_may_be_a_new_execution():
    done = run(
        flow(
            """
            retry: {type: constant, interval: PT1S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}
            tasks: [{Sequential: s, tasks: [x]}]
            errors: [e]
            """
        ),
        given={"x": FAILED},
    )

    assert done.state is State.RETRIED
    assert done.runs == {"s": "RETRIED", "x": "RETRIED"}
    assert "new execution at 2026-01-01T00:00:01" in done.log


def test_an_allowed_failure_comes_after_the_last_attempt():
    done = run(
        flow(
            "tasks: [{run: x, allowFailure: true, retry: {type: constant, interval: PT1S, maxAttempts: 2}}]"
        ),
        given={"x": FAILED},
    )
    done.move(seconds=2)

    assert done.runs == {"x": "WARNING"}


def test_a_new_execution_may_follow_while_another_branch_is_paused():
    """Whatever waits in the old execution is over with it."""
    begun = run(
        flow(
            """
            tasks:
              - Parallel: p
                tasks:
                  - run: b
                    retry: {type: constant, interval: PT1S, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}
                  - {Sequential: s, tasks: [{Pause: w}]}
                  - c
            """
        ),
        given={"b": Outcome(held=True), "c": Outcome(held=True)},
    )
    assert begun.state is State.PAUSED

    begun.release("b", FAILED)

    assert begun.state is State.RETRIED
    assert begun.runs == dict.fromkeys(["p", "b", "s", "w"], "RETRIED") | {"c": "RUNNING"}


def test_a_child_that_ends_again_by_itself_does_not_end_the_wait_for_the_retry():
    """Somebody restarts the child of a Subflow that is RETRYING."""
    retried = run(
        flow(
            """
            tasks:
              - Subflow: s
                namespace: company.team
                flowId: child
                retry: {type: constant, interval: PT10S, maxAttempts: 2}
            """
        ),
        flow("{id: child, tasks: [c]}"),
        given={"c": [FAILED, FAILED, SUCCESS]},
    )
    assert retried.state is State.RETRYING

    retried.child.restart()
    assert retried.state is State.RETRYING
    assert retried.attempts_of("s") == ["FAILED"]

    retried.move(seconds=11)
    assert retried.execution.settled

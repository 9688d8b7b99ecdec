"""Approvals (flow spec §6.12)."""

from __future__ import annotations

import pytest

from batuta.engine import events as on
from batuta.model.state import State
from batuta.testing.run import Outcome, Run, run
from tests.support.shorthand import flow

BRANCHES = "onWait: [w], onApprove: [y], onDeny: [n], errors: [e], finally: [f]"


def asked(options: str = "", branches: str = BRANCHES, **given) -> Run:
    parts = ", ".join(part for part in ("Approval: p", branches, options) if part)
    return run(flow(f"{{tasks: [{{{parts}}}, after], errors: [ee], afterExecution: [x]}}"), given=given)


def review(done: Run, *, approved: bool, **said) -> None:
    done.simulation.send(on.ReviewGiven(execution_id=done.id, approved=approved, **said))


def test_an_approval_waits_after_its_first_tasks():
    done = asked()

    assert done.state is State.PAUSED
    assert done.runs == {"p": "PAUSED", "w": "SUCCESS"}
    assert "decision" not in done.outputs.get("p", {})


def test_an_approval_that_is_given_goes_on():
    done = asked()

    review(done, approved=True, comment="fine", by="ada", inputs={"size": 3})

    assert done.state is State.SUCCESS
    assert done.history == ["CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert done.runs == dict.fromkeys(["p", "w", "y", "f", "after", "x"], "SUCCESS")
    assert done.outputs["p"] == {
        "decision": "APPROVED",
        "auto": False,
        "by": "ada",
        "on": "2026-01-01T00:00:00Z",
        "comment": "fine",
        "inputs": {"size": 3},
    }


def test_a_denial_cancels_unless_told_otherwise():
    done = asked()

    review(done, approved=False)

    assert done.state is State.CANCELLED
    assert done.runs == {"p": "CANCELLED", "w": "SUCCESS", "n": "SUCCESS", "f": "SUCCESS", "x": "SUCCESS"}


@pytest.mark.parametrize(
    ("behavior", "task", "execution", "goes_on"),
    [
        ("CONTINUE", "SUCCESS", "SUCCESS", True),
        ("WARN", "WARNING", "WARNING", True),
        ("FAIL", "FAILED", "FAILED", False),
        ("SUCCEED", "SUCCESS", "SUCCESS", False),
        ("CANCEL", "CANCELLED", "CANCELLED", False),
        ("KILL", "KILLED", "KILLED", False),
    ],
)
def test_each_behavior_has_its_end(behavior, task, execution, goes_on):
    done = asked(f"denyBehavior: {behavior}")

    review(done, approved=False)

    assert (done.runs["p"], done.state.value, "after" in done.runs) == (task, execution, goes_on)
    assert ("ee" in done.runs) == (behavior == "FAIL")


def test_nobody_decides_in_time():
    done = asked("timeout: PT1M, expireBehavior: WARN")
    assert done.outputs["p"]["due"] == "2026-01-01T00:01:00Z"

    done.move(minutes=2)

    assert done.state is State.WARNING
    assert done.outputs["p"]["decision"] == "EXPIRED"
    assert "y" not in done.runs
    assert "n" not in done.runs


def test_an_approval_may_be_given_at_once():
    done = asked("autoApprove: true")

    assert done.state is State.SUCCESS
    assert done.runs == dict.fromkeys(["p", "y", "f", "after", "x"], "SUCCESS")
    assert done.outputs["p"] == {"decision": "APPROVED", "auto": True}


def test_an_approval_without_tasks_pauses_at_once_and_ends_at_once():
    done = asked(branches="")
    assert done.runs == {"p": "PAUSED"}

    review(done, approved=True)

    assert done.state is State.SUCCESS
    assert done.runs == {"p": "SUCCESS", "after": "SUCCESS", "x": "SUCCESS"}


def test_a_failure_before_the_wait_fails_the_approval():
    done = asked(w=State.FAILED)

    assert done.state is State.FAILED
    assert done.runs == {
        "p": "FAILED",
        "w": "FAILED",
        "e": "SUCCESS",
        "f": "SUCCESS",
        "ee": "SUCCESS",
        "x": "SUCCESS",
    }


def test_a_failure_after_the_decision_stands_whatever_the_behavior():
    done = asked("approveBehavior: SUCCEED", y=State.FAILED)

    review(done, approved=True)

    assert done.state is State.FAILED
    assert done.runs["p"] == "FAILED"


def test_a_resume_decides_nothing():
    done = asked()

    done.resume()

    assert done.state is State.PAUSED


def test_a_decision_comes_once():
    done = asked(y=Outcome(held=True))
    review(done, approved=True)

    review(done, approved=False)
    done.release("y")

    assert done.state is State.SUCCESS


def test_an_approval_may_be_killed():
    done = asked()

    done.kill()

    assert done.state is State.KILLED
    assert done.runs == {"p": "KILLED", "w": "SUCCESS", "x": "SUCCESS"}

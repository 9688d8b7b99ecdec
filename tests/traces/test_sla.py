"""SLAs and checks (flow spec §14)."""

from __future__ import annotations

import pytest

from batuta.engine import checks
from batuta.engine.rules import CheckBehavior
from batuta.errors import BatutaError
from batuta.model.state import State
from batuta.testing.run import Outcome, Run, run
from tests.support.shorthand import flow

HELD = Outcome(held=True)


def timed(behavior: str, more: str = "", **given) -> Run:
    return run(
        flow(
            f"{{sla: [{{id: quick, type: MAX_DURATION, duration: PT10S, behavior: {behavior},"
            f" labels: {{late: 'y'}}}}],"
            f" tasks: [a, {{Parallel: p, tasks: [b, {{Sequential: s, tasks: [c]}}]}}, d],"
            f" errors: [e], finally: [f], afterExecution: [x] {more}}}"
        ),
        given={"b": HELD, "c": HELD, **given},
    )


def labels(done: Run) -> dict[str, str]:
    return {label.key: label.value for label in done.execution.labels if not label.is_system}


def test_an_execution_that_takes_too_long_fails_with_its_last_run():
    done = timed("FAIL")
    stopped = {done.run("b").id, done.run("c").id}

    done.move(seconds=11)

    assert done.state is State.FAILED
    assert done.runs == {
        "a": "SUCCESS",
        "p": "FAILED",
        "b": "KILLED",
        "s": "FAILED",
        "c": "FAILED",
        "x": "SUCCESS",
    }
    assert done.simulation.stopped == stopped
    assert labels(done) == {"late": "y"}
    assert "Execution failed due to SLA 'quick' violated: execution duration of PT10S exceed" in done.log
    assert done.execution.settled


def test_it_may_be_cancelled_instead():
    done = timed("CANCEL")

    done.move(seconds=11)

    assert done.state is State.CANCELLED
    assert done.runs["c"] == done.runs["b"] == "KILLED"
    assert "d" not in done.runs
    assert "e" not in done.runs


def test_it_may_only_get_labels():
    done = timed("NONE")

    done.move(seconds=11)

    assert done.state is State.RUNNING
    assert labels(done) == {"late": "y"}
    assert "WARN SLA 'quick' violated" in done.log


def test_what_ends_in_time_is_not_looked_at_again():
    done = timed("FAIL", b=State.SUCCESS, c=State.SUCCESS)
    assert done.state is State.SUCCESS

    done.move(seconds=11)

    assert done.state is State.SUCCESS
    assert not done.simulation.timers


def test_time_in_a_pause_counts():
    done = run(
        flow(
            "{sla: [{id: q, type: MAX_DURATION, duration: PT10S, behavior: CANCEL}], tasks: [{Pause: p}, a]}"
        )
    )

    done.move(seconds=11)

    assert done.history == ["CREATED", "RUNNING", "PAUSED", "CANCELLED"]
    assert done.runs == {"p": "KILLED"}


def asserted(condition: str, behavior: str, tasks: str = "[{Return: a, format: '1'}, b]", **given) -> Run:
    return run(
        flow(
            f'{{sla: [{{id: sane, type: EXECUTION_ASSERTION, assert: "{condition}", behavior: {behavior},'
            f" labels: {{bad: 'y'}}}}], tasks: {tasks}, afterExecution: [x]}}"
        ),
        given=given,
    )


def test_an_assertion_is_evaluated_from_the_first_event_on():
    done = asserted("{{ false }}", "CANCEL")

    assert done.history == ["CREATED", "CANCELLED"]
    assert done.runs == {"x": "SUCCESS"}
    assert "SLA 'sane' violated: assertion is false: {{ false }}." in done.log


def test_an_assertion_sees_what_tasks_have_done():
    condition = "{{ (outputs.a.value ?? '') != '1' }}"

    done = asserted(condition, "FAIL")

    assert done.state is State.FAILED
    assert done.runs == {"a": "SUCCESS", "x": "SUCCESS"}


def test_an_assertion_may_only_set_labels_and_says_so_once():
    done = asserted("{{ false }}", "NONE")

    assert done.state is State.SUCCESS
    assert labels(done) == {"bad": "y"}
    assert done.log.count("WARN SLA 'sane' violated") == 1


def test_an_assertion_that_cannot_be_evaluated_is_ignored():
    done = asserted("{{ outputs.nothing.value }}", "FAIL", tasks="[b]")

    assert done.state is State.SUCCESS
    assert "Unable to evaluate the SLA 'sane'" in done.log


CHECKED = """
{inputs: [{id: n, type: INT}], checks: [
  {when: "{{ inputs.n < 10 }}", message: inform, behavior: CREATE_EXECUTION},
  {condition: "{{ inputs.n < 20 }}", message: fail it, behavior: FAIL_EXECUTION},
  {when: "{{ inputs.n < 30 }}", message: block it, style: ERROR}],
 id: child, tasks: [a]}
"""


@pytest.mark.parametrize("n", [5, 15])
def test_an_execution_is_created_when_no_check_forbids_it(n):
    assert run(flow(CHECKED), inputs={"n": n}).state is State.SUCCESS


def test_a_check_may_fail_an_execution_before_it_begins():
    done = run(flow(CHECKED), inputs={"n": 25})

    assert done.history == ["CREATED", "FAILED"]
    assert done.runs == {}
    assert done.execution.settled


def test_the_strongest_failed_check_decides():
    with pytest.raises(BatutaError, match="block it"):
        run(flow(CHECKED), inputs={"n": 35})


def test_a_check_that_cannot_be_evaluated_has_failed():
    done = run(flow("tasks: [a]"))
    document = {"checks": [{"when": "{{ nothing.at.all }}", "message": "m"}]}
    broken = type(done.ledger.outline.flow)(id="f", namespace="n", document=document)

    failed = checks.failed_checks(broken, {}, now=done.simulation.now, world=done.simulation.world)

    assert checks.verdict(failed) is CheckBehavior.BLOCK_EXECUTION


@pytest.mark.parametrize(("n", "reason"), [(25, ""), (35, "block it")])
def test_the_checks_of_a_subflow_count(n, reason):
    done = run(
        flow(f"tasks: [{{Subflow: s, namespace: company.team, flowId: child, inputs: {{n: {n}}}}}]"),
        flow(CHECKED),
    )
    done.move(seconds=0)

    assert done.runs == {"s": "FAILED"}
    assert reason in done.log

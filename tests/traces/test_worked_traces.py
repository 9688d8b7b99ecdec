"""The worked traces of the flow specification (§20), each under its number; 32 needs a worker, see
`tests/api/test_executions.py`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batuta import expr
from batuta.engine import events as on
from batuta.engine import replaying
from batuta.engine.ledger import Ledger
from batuta.errors import InvalidRequest
from batuta.model.flow import FlowKey
from batuta.model.state import State
from batuta.testing.run import Outcome, Run, Simulation, run
from tests.support.shorthand import flow

FAILED, SUCCESS, WARNING = State.FAILED, State.SUCCESS, State.WARNING
HELD = Outcome(held=True)


def ended(done: Run) -> tuple[str, dict[str, str]]:
    """The state of an execution and those of its task runs."""
    return done.state.value, done.runs


def test_01_a_failure_hands_over_to_errors():
    done = run(flow("{tasks: [a, b, c], errors: [e1, e2]}"), given={"b": FAILED})

    assert ended(done) == ("FAILED", {"a": "SUCCESS", "b": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS"})


def test_02_an_allowed_failure_warns():
    done = run(flow("{tasks: [a, {run: b, allowFailure: true}, c], errors: [e]}"), given={"b": FAILED})

    assert ended(done) == ("WARNING", {"a": "SUCCESS", "b": "WARNING", "c": "SUCCESS"})
    assert done.attempts_of("b") == ["FAILED"]


def test_03_an_allowed_warning_succeeds():
    done = run(flow("tasks: [a, {run: b, allowFailure: true, allowWarning: true}]"), given={"b": FAILED})

    assert ended(done) == ("SUCCESS", {"a": "SUCCESS", "b": "SUCCESS"})


def test_04_a_failing_finally_changes_nothing():
    done = run(flow("{tasks: [a], finally: [f, g]}"), given={"f": FAILED})

    assert ended(done) == ("SUCCESS", {"a": "SUCCESS", "f": "FAILED", "g": "SUCCESS"})


def test_05_handlers_run_from_the_inside_out():
    done = run(flow("{tasks: [{Sequential: s, tasks: [x], errors: [h]}], errors: [e]}"), given={"x": FAILED})

    assert ended(done) == ("FAILED", {"s": "FAILED", "x": "FAILED", "h": "SUCCESS", "e": "SUCCESS"})


def test_06_allow_failure_around_a_block():
    source = """
        tasks:
          - Sequential: s
            tasks: [{AllowFailure: w, tasks: [{Sequential: q, tasks: [r1, ko, r3]}], errors: [h]}]
          - t
        """

    done = run(flow(source), given={"ko": FAILED})

    assert done.state is WARNING
    assert done.runs == {
        "s": "WARNING", "w": "WARNING", "q": "FAILED", "r1": "SUCCESS", "ko": "FAILED", "h": "SUCCESS",
        "t": "SUCCESS",
    }  # fmt: skip


def test_07_a_false_condition_skips():
    done = run(flow("tasks: [{run: b, when: '{{ false }}'}, c]"))

    assert ended(done) == ("SUCCESS", {"b": "SKIPPED", "c": "SUCCESS"})


def test_08_a_condition_that_cannot_be_rendered_fails():
    done = run(flow("tasks: [{run: b, when: '{{ outputs.nothing.x }}'}, c]"))

    assert ended(done) == ("FAILED", {"b": "FAILED"})


def test_09_a_task_is_tried_again_until_its_attempts_are_spent():
    done = run(
        flow("tasks: [{run: b, retry: {type: constant, interval: PT1S, maxAttempts: 5}}]"),
        given={"b": FAILED},
    )
    done.move(seconds=10)

    assert ended(done) == ("FAILED", {"b": "FAILED"})
    assert done.attempts_of("b") == ["FAILED"] * 5
    assert done.history_of("b")[:6] == ["CREATED", "SUBMITTED", "RUNNING", "FAILED", "RETRYING", "CREATED"]


def test_10_a_later_success_may_warn():
    policy = "{type: constant, interval: PT1S, maxAttempts: 5, warningOnRetry: true}"
    done = run(flow(f"tasks: [{{run: b, retry: {policy}}}]"), given={"b": [FAILED, FAILED, FAILED, SUCCESS]})
    done.move(seconds=10)

    assert ended(done) == ("WARNING", {"b": "WARNING"})
    assert done.attempts_of("b") == ["FAILED"] * 3 + ["SUCCESS"]


def test_11_the_retry_of_a_block_is_for_its_leaf():
    retry = "retry: {type: constant, interval: PT1S, maxAttempts: 3}"
    done = run(flow(f"tasks: [{{Sequential: s, tasks: [x], {retry}}}]"), given={"x": FAILED})
    done.move(seconds=10)

    assert ended(done) == ("FAILED", {"s": "FAILED", "x": "FAILED"})
    assert done.attempts_of("x") == ["FAILED"] * 3
    assert done.history_of("s") == ["CREATED", "RUNNING", "FAILED"]


def test_12_a_flow_may_be_tried_again_as_a_new_execution():
    stage = Simulation(
        flow(
            "{retry: {type: constant, interval: PT1S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION},"
            " tasks: [x], errors: [e]}"
        ),
        given={"x": FAILED},
    )
    tries = [stage.start()]
    for number in (2, 3):
        source = tries[-1].execution
        stage.move(timedelta(seconds=1))
        row = replaying.repetition(source, id=f"try-{number}", now=stage.now)
        stage.ledgers[row.id] = Ledger(row, tries[0].ledger.outline)
        stage.send(on.ExecutionCreated(execution_id=row.id))
        tries.append(Run(stage, row.id))

    assert [each.state for each in tries] == [State.RETRIED, State.RETRIED, FAILED]
    assert [each.execution.attempt_number for each in tries] == [1, 2, 3]
    assert {each.execution.original_id for each in tries} == {tries[0].id}
    assert [list(each.runs) for each in tries] == [["x"], ["x"], ["x", "e"]]


def test_13_a_pause_is_resumed():
    done = run(flow("tasks: [{Pause: p}]"))
    done.resume()

    assert done.history_of("p") == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert done.history == ["CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS"]


def test_14_nobody_resumes_in_time():
    done = run(flow("tasks: [{Pause: p, timeout: PT1S}]"))
    done.move(seconds=1)

    assert ended(done) == ("FAILED", {"p": "FAILED"})


def test_15_what_failed_is_mended_and_restarted():
    done = run(flow("tasks: [a, b, c, d]"), given={"c": [FAILED, SUCCESS]})
    done.restart()

    assert ended(done) == ("SUCCESS", dict.fromkeys("abcd", "SUCCESS"))
    assert done.attempts_of("c") == ["FAILED", "SUCCESS"]


def test_16_a_restart_takes_handlers_away():
    done = run(flow("{tasks: [a, b, c], errors: [e1, e2]}"), given={"b": [FAILED, HELD]})
    done.restart()
    assert done.runs == {"a": "SUCCESS", "b": "RUNNING"}

    done.release("b", FAILED)

    assert ended(done) == ("FAILED", {"a": "SUCCESS", "b": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS"})


def test_17_a_replay_from_the_last_task():
    source = run(flow("tasks: [a, b, c]"))
    row, runs = replaying.replay_from(source.ledger, source.run("c"), id="copy", now=source.simulation.now)

    assert row.parent_id == source.id
    assert [each.task_id for each in runs] == ["a", "b", "c"]
    assert not {each.id for each in runs} & set(source.ledger.runs)
    assert runs[-1].state.current is State.RESTARTED


def test_18_the_second_waits_in_the_queue():
    stage = Simulation(flow("{concurrency: {limit: 1}, tasks: [a]}"), given={"a": HELD})
    first, second = stage.start(), stage.start()
    first.release("a")
    second.release("a")

    assert second.history == ["CREATED", "QUEUED", "RUNNING", "SUCCESS"]


@pytest.mark.parametrize(("behavior", "state"), [("CANCEL", State.CANCELLED), ("FAIL", FAILED)])
def test_19_the_second_is_turned_away(behavior, state):
    stage = Simulation(flow(f"{{concurrency: {{limit: 1, behavior: {behavior}}}, tasks: [{{Pause: p}}]}}"))
    stage.start()

    assert ended(stage.start()) == (state.value, {})


def test_20_a_loop_goes_value_by_value():
    done = run(flow("tasks: [{ForEach: each, values: [a, a, b], tasks: [t1, t2]}]"))

    assert list(done.runs) == ["each", "t1[a]", "t2[a]", "t1[b]", "t2[b]"]


def test_21_a_loop_keeps_to_its_limit_and_order():
    stage = Simulation(
        flow("tasks: [{ForEach: each, values: [a, b, c, d], concurrencyLimit: 2, tasks: [t1, t2]}]"),
        given={"t1": HELD, "t2": HELD},
    )
    done = stage.start()
    order = []
    while stage.held:
        open_ones = [name for name, state in done.runs.items() if state == "RUNNING" and name != "each"]
        assert len(open_ones) <= 2
        order.append(open_ones[0])
        done.release(open_ones[0])

    assert done.state is SUCCESS
    assert all(order.index(f"t1[{value}]") < order.index(f"t2[{value}]") for value in "abcd")


def test_22_a_late_result_revives_nothing():
    done = run(flow("tasks: [{Parallel: p, tasks: [p1, p2]}]"), given={"p1": FAILED, "p2": HELD})
    assert done.state is FAILED
    run_id, token = done.run("p2").id, done.run("p2").token

    done.simulation.send(
        on.TaskRunFinished(execution_id=done.id, task_run_id=run_id, token=token, state=SUCCESS)
    )

    assert done.state is FAILED
    assert done.runs["p"] == "FAILED"


def test_23_a_false_if_without_else_does_nothing():
    done = run(flow("tasks: [{If: choice, condition: '{{ false }}', then: [x]}, t]"))

    assert ended(done) == ("SUCCESS", {"choice": "SUCCESS", "t": "SUCCESS"})
    assert done.outputs["choice"] == {"evaluationResult": False}


def test_24_a_loop_until_its_third_pass():
    source = "tasks: [{LoopUntil: l, condition: '{{ outputs.l.iterationCount == 3 }}', tasks: [x]}]"
    done = run(flow(source))
    done.move(minutes=5)

    assert ended(done) == ("SUCCESS", {"l": "SUCCESS", "x": "SUCCESS"})
    assert done.outputs["l"]["iterationCount"] == 3


CHILD = flow("{id: child, tasks: [c]}")


@pytest.mark.parametrize(("transmit", "state"), [(True, "FAILED"), (False, "SUCCESS")])
def test_25_a_failed_child_fails_its_task_if_it_shall(transmit, state):
    call = f"{{Subflow: s, namespace: company.team, flowId: child, transmitFailed: {str(transmit).lower()}}}"
    done = run(flow(f"tasks: [{call}]"), CHILD, given={"c": FAILED})

    assert ended(done) == (state, {"s": state})
    assert done.outputs["s"]["state"] == "FAILED"


def test_26_who_does_not_wait_goes_on():
    call = "{Subflow: s, namespace: company.team, flowId: child, wait: false}"
    done = run(flow(f"tasks: [{call}]"), CHILD, given={"c": HELD})

    assert ended(done) == ("SUCCESS", {"s": "SUCCESS"})
    assert done.outputs["s"] == {"executionId": done.child.id}


def test_27_a_kill_reaches_the_child():
    call = "{Subflow: s, namespace: company.team, flowId: child}"
    parent = flow(f"{{tasks: [{call}], errors: [e], finally: [f], afterExecution: [x]}}")
    done = run(parent, CHILD, given={"c": HELD})

    done.kill()

    assert ended(done) == ("KILLED", {"s": "KILLED", "x": "SUCCESS"})
    assert ended(done.child) == ("KILLED", {"c": "KILLED"})


def test_28_an_output_of_a_skipped_task_fails_the_execution():
    done = run(
        flow(
            "{tasks: [{run: a, when: '{{ false }}'}],"
            " outputs: [{id: o, type: STRING, value: '{{ outputs.a.value }}'}]}"
        )
    )

    assert done.history == ["CREATED", "RUNNING", "SUCCESS", "FAILED"]


def test_29_an_execution_takes_too_long():
    done = run(
        flow("{sla: [{id: fast, type: MAX_DURATION, duration: PT1S, behavior: FAIL}], tasks: [a]}"),
        given={"a": HELD},
    )
    run_id = done.run("a").id
    done.move(seconds=1)

    assert ended(done) == ("FAILED", {"a": "FAILED"})
    assert run_id in done.simulation.stopped


def test_30_after_execution_changes_nothing():
    done = run(flow("{tasks: [a], afterExecution: [x]}"), given={"x": FAILED})

    assert ended(done) == ("SUCCESS", {"a": "SUCCESS", "x": "FAILED"})


def test_31_exit_inside_of_an_if():
    source = """
        tasks: [{If: choice, condition: "{{ true }}", then: [{Exit: out, state: SUCCESS}, x]}, t]
        finally: [f]
        afterExecution: [z]
        """

    done = run(flow(source))

    assert ended(done) == ("SUCCESS", {"choice": "SUCCESS", "out": "SUCCESS", "z": "SUCCESS"})


def test_33_a_file_is_worked_off_in_batches():
    uris = [f"kestra:///batch{number}" for number in range(3)]
    splits = "kestra:///splits"
    source = """
        tasks:
          - ForEachItem: each
            items: "kestra:///rows"
            batch: {rows: 4}
            namespace: company.team
            flowId: child
        """
    child = flow("{id: child, tasks: [c], outputs: [{id: n, type: INT, value: 1}]}")

    done = run(
        flow(source),
        child,
        given={"each_split": {"splits": splits}},
        facts={expr.Fact("read", (splits, None)): "\n".join(uris)},
    )

    assert done.state is SUCCESS
    items = done.outputs["each_items"]
    assert items["numberOfBatches"] == 3
    assert items["iterations"]["SUCCESS"] == 3
    assert done.outputs["each_merge"]["subflowOutputs"].startswith("kestra:///")


def test_34_a_loop_may_pass_over_failures():
    source = """
        tasks:
          - Loop: l
            values: [a, b, c]
            transmitFailed: false
            outputs: [{id: o, type: STRING, value: "{{ outputs.x.v }}"}]
            tasks: [x]
        """

    ends = iter([{"v": "1"}, FAILED, {"v": "3"}])

    done = run(flow(source), given={"x": lambda _: next(ends)})

    assert ended(done) == ("SUCCESS", {"l": "SUCCESS"})
    assert done.outputs["l"]["iterationCount"] == 3
    assert done.outputs["l"]["terminatedIterations"] == {"SUCCESS": 2, "FAILED": 1}
    assert [each["outputs"] for each in done.outputs["l"]["outputs"]] == [{"o": "1"}, {"o": "3"}]


def test_35_a_missing_input_creates_nothing():
    stage = Simulation(flow("{inputs: [{id: day, type: STRING}], tasks: [a]}"))

    with pytest.raises(InvalidRequest, match="Missing required input:day"):
        stage.start(FlowKey("company.team", "f"))

    assert stage.ledgers == {}

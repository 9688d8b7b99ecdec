"""Kill, pause, resume, restart, exit (flow spec §6.11, §7, §15)."""

from __future__ import annotations

from batuta.engine import events as on
from batuta.model.state import State
from batuta.testing.run import Outcome, run
from tests.support.shorthand import flow

HELD = Outcome(held=True)
FAILED, SUCCESS = State.FAILED, State.SUCCESS


def test_a_kill_stops_the_attempt_and_runs_no_handlers():
    done = run(
        flow("{tasks: [{Sequential: s, tasks: [a, b]}], errors: [e], finally: [f], afterExecution: [x]}"),
        given={"a": HELD},
    )
    attempt = done.run("a").id

    done.kill()

    assert done.history == ["CREATED", "RUNNING", "KILLING", "KILLED"]
    assert done.runs == {"s": "KILLED", "a": "KILLED", "x": "SUCCESS"}
    assert attempt in done.simulation.stopped
    assert done.execution.settled


def test_a_kill_beats_allow_failure():
    done = run(flow("tasks: [{AllowFailure: s, tasks: [a]}, b]"), given={"a": HELD})

    done.kill()

    assert done.runs == {"s": "KILLED", "a": "KILLED"}


def test_a_kill_of_what_has_ended_changes_nothing():
    done = run(flow("tasks: [a]"))

    done.kill()

    assert done.history == ["CREATED", "RUNNING", "SUCCESS"]


def test_a_kill_of_a_task_that_waits_for_its_retry():
    done = run(
        flow("tasks: [{run: a, retry: {type: constant, interval: PT1S, maxAttempts: 5}}]"),
        given={"a": FAILED},
    )

    done.kill()
    done.move(seconds=10)

    assert done.runs == {"a": "KILLED"}
    assert done.state is State.KILLED
    assert len(done.attempts_of("a")) == 1


def test_a_pause_waits_for_a_resume():
    done = run(flow("tasks: [a, {Pause: p}, b]"))
    assert done.state is State.PAUSED
    assert done.runs == {"a": "SUCCESS", "p": "PAUSED"}

    done.resume(reason="ok")

    assert done.history == ["CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert done.runs == {"a": "SUCCESS", "p": "SUCCESS", "b": "SUCCESS"}
    assert done.history_of("p") == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert done.outputs["p"]["onResume"] == {"reason": "ok"}


def test_a_pause_may_end_by_itself():
    done = run(flow("tasks: [{Pause: p, pauseDuration: PT5S}, b]"))

    done.move(seconds=6)

    assert done.runs == {"p": "SUCCESS", "b": "SUCCESS"}


def test_the_end_of_a_pause_may_fail_warn_or_cancel():
    expected = {"FAIL": "FAILED", "WARN": "WARNING", "CANCEL": "CANCELLED"}
    for behavior, state in expected.items():
        done = run(flow(f"tasks: [{{Pause: p, pauseDuration: PT5S, behavior: {behavior}}}]"))
        done.move(seconds=6)
        assert done.state.value == state
        assert done.runs == {"p": state}


def test_nobody_resumes_before_the_timeout():
    done = run(flow("tasks: [{Pause: p, timeout: PT1S}, b]"))
    done.move(seconds=2)

    assert done.state is FAILED
    assert done.runs == {"p": "FAILED"}


def test_a_pause_that_times_out_runs_its_handlers_and_not_its_tasks():
    done = run(flow("tasks: [{Pause: p, timeout: PT1S, tasks: [t], errors: [e], finally: [f]}, b]"))
    done.move(seconds=2)

    assert done.state is FAILED
    assert done.runs == {"p": "FAILED", "e": "SUCCESS", "f": "SUCCESS"}


def test_a_pause_that_times_out_does_not_run_on_its_way():
    done = run(flow("tasks: [{Pause: p, timeout: PT1S, tasks: [t]}]"))
    done.move(seconds=2)

    assert done.history_of("p") == ["CREATED", "RUNNING", "PAUSED", "FAILED"]


def test_tasks_of_a_pause_run_after_it():
    done = run(flow("tasks: [{Pause: p, tasks: [c1, c2]}, b]"))
    done.resume()

    assert done.runs == {"p": "SUCCESS", "c1": "SUCCESS", "c2": "SUCCESS", "b": "SUCCESS"}


def test_a_paused_execution_starts_nothing_in_any_branch():
    done = run(
        flow("tasks: [{Parallel: x, tasks: [{Pause: p}, {Sequential: s, tasks: [a, b]}]}, c]"),
        given={"a": HELD},
    )
    assert done.state is State.PAUSED

    assert "a" not in done.runs

    done.resume()
    done.release("a")

    assert done.state is SUCCESS
    assert done.runs["b"] == "SUCCESS"


def test_killing_a_pause_frees_it():
    done = run(flow("tasks: [{Pause: p}, b]"))
    done.kill()

    assert done.state is State.KILLED
    assert done.runs == {"p": "KILLED"}


def test_somebody_may_pause_and_resume_by_hand():
    done = run(flow("tasks: [a, b]"), given={"a": HELD})
    done.simulation.send(on.PauseRequested(execution_id=done.id))
    done.release("a")
    assert done.state is State.PAUSED
    assert done.runs == {"a": "SUCCESS"}

    done.resume()

    assert done.history == ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]


def test_a_restart_tries_again_what_failed_and_keeps_the_rest():
    done = run(flow("tasks: [a, b, c, d]"), given={"c": [FAILED, SUCCESS]})
    first = done.id

    done.restart()

    assert done.id == first
    assert done.history == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert done.attempts_of("c") == ["FAILED", "SUCCESS"]
    assert done.runs == dict.fromkeys("abcd", "SUCCESS")
    assert done.execution.attempt_number == 2
    assert any(label.key == "system.restarted" for label in done.execution.labels)


def test_a_restart_takes_the_handlers_away():
    done = run(flow("{tasks: [a, b, c], errors: [e1, e2], afterExecution: [x]}"), given={"b": [FAILED, HELD]})
    assert list(done.runs) == ["a", "b", "e1", "e2", "x"]

    done.restart()
    assert list(done.runs) == ["a", "b"]

    done.release("b", FAILED)
    assert list(done.runs) == ["a", "b", "e1", "e2", "x"]
    assert done.state is FAILED


def test_a_restart_reaches_into_blocks():
    done = run(
        flow("tasks: [{Sequential: s, tasks: [x, {ForEach: each, values: [1, 2], tasks: [y]}]}, z]"),
        given={"y": lambda run: FAILED if run.value == "1" and not run.attempts else SUCCESS},
    )
    done.restart()

    assert done.state is SUCCESS
    assert done.runs == {
        "s": "SUCCESS", "x": "SUCCESS", "each": "SUCCESS", "y[1]": "SUCCESS", "y[2]": "SUCCESS", "z":
        "SUCCESS",
    }  # fmt: skip


def test_a_restart_while_a_handler_is_paused_runs_the_handler_again():
    done = run(flow("tasks: [{Sequential: s, tasks: [a], finally: [{Pause: p}]}, b]"))
    assert done.state is State.PAUSED

    done.restart()
    assert done.runs == {"s": "RUNNING", "a": "SUCCESS", "p": "PAUSED"}

    done.resume()
    assert done.state is SUCCESS


def test_exit_ends_everything_around_it():
    done = run(
        flow(
            """
            tasks:
              - first
              - If: i
                condition: "true"
                then: [{Exit: stop, state: WARNING}, never]
              - never_too
            errors: [e]
            finally: [f]
            afterExecution: [x]
            """
        )
    )

    assert done.state is State.WARNING
    assert done.runs == {"first": "SUCCESS", "i": "WARNING", "stop": "WARNING", "x": "SUCCESS"}


def test_exit_leaves_running_tasks_alone_and_ends_what_nobody_else_would_end():
    begun = run(
        flow(
            """
            tasks:
              - Parallel: p
                tasks:
                  - {Sequential: s, tasks: [on_worker, never]}
                  - {Sequential: t, tasks: [quick, {Exit: stop, state: WARNING}]}
            """
        ),
        given={"on_worker": HELD, "quick": HELD},
    )
    begun.release("quick")

    assert begun.state is State.WARNING
    ended = dict.fromkeys(["p", "s", "t", "stop"], "WARNING")
    assert begun.runs == ended | {"quick": "SUCCESS", "on_worker": "RUNNING"}

    begun.release("on_worker")
    assert begun.runs == ended | {"quick": "SUCCESS", "on_worker": "SUCCESS"}


def test_a_pause_that_cancels_leaves_no_branch_beside_it_open():
    begun = run(
        flow(
            """
            tasks:
              - Parallel: p
                tasks:
                  - {Sequential: s, tasks: [{Pause: waits, pauseDuration: PT5S, behavior: CANCEL}]}
                  - {Sequential: t, tasks: [{Pause: forever}]}
            """
        )
    )
    begun.move(seconds=6)

    assert begun.state is State.CANCELLED
    assert set(begun.runs.values()) == {"CANCELLED"}


def test_a_restart_gives_up_what_is_still_being_killed():
    begun = run(flow("tasks: [{Sequential: s, tasks: [a, b]}]"), given={"a": [HELD, SUCCESS]})
    first = begun.simulation.held[begun.run("a").id]
    begun.simulation.held.clear()
    begun.kill()
    assert begun.history_of("s")[-1] == "KILLING"

    begun.restart()

    assert begun.state is SUCCESS
    assert begun.attempts_of("a") == ["KILLED", "SUCCESS"]
    begun.simulation.send(
        on.TaskRunFinished(
            execution_id=begun.id, task_run_id=first.run.id, token=first.run.token, state=State.KILLED
        )
    )
    assert begun.runs == {"s": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS"}


def test_a_block_that_a_restart_set_on_its_way_ends_with_the_execution():
    done = run(
        flow("tasks: [{AllowFailure: w, tasks: [a, b]}, c]"),
        given={"a": [State.FAILED, HELD], "c": State.FAILED},
    )

    done.restart()

    assert done.execution.settled
    assert done.runs == {"w": "FAILED", "a": "RUNNING", "c": "FAILED"}
    done.release("a")
    assert done.runs == {"w": "FAILED", "a": "SUCCESS", "c": "FAILED"}


def test_a_lost_attempt_is_made_again():
    done = run(flow("tasks: [a, b]"), given={"a": [HELD, SUCCESS]})
    attempt = done.run("a")

    done.simulation.held.clear()
    done.simulation.send(on.TaskRunLost(execution_id=done.id, task_run_id=attempt.id, token=attempt.token))

    assert done.state is SUCCESS
    assert done.attempts_of("a") == ["RESUBMITTED", "SUCCESS"]


def test_labels_and_variables_can_be_set_on_the_way():
    done = run(
        flow(
            """
            variables: {keep: 1, deep: {a: 1}}
            tasks:
              - {Labels: l, labels: {team: "{{ 'sales' }}"}}
              - {SetVariables: s, variables: {rows: 3, deep: {b: 2}}}
              - {UnsetVariables: u, variables: [deep.a]}
              - {OutputValues: o, values: {team: "{{ labels.team }}", all: "{{ vars }}"}}
            """
        )
    )

    assert done.state is SUCCESS
    assert done.outputs["o"]["values"]["team"] == "sales"
    assert done.execution.variables == {"keep": 1, "deep": {"b": 2}, "rows": 3}


def test_a_system_label_is_refused():
    done = run(flow("tasks: [{Labels: l, labels: {system.x: y}}]"))

    assert done.runs == {"l": "FAILED"}
    assert "System labels can only be set by Kestra itself" in done.log


def test_a_future_execution_waits_for_its_date():
    from datetime import timedelta

    import msgspec

    done = run(flow("tasks: [a]"))
    later = msgspec.structs.replace(
        done.execution, id="later", schedule_at=done.simulation.now + timedelta(hours=1),
        state=type(done.execution.state).starting(done.simulation.now), settled=False, next_ordinal=0,
    )  # fmt: skip
    from batuta.engine.ledger import Ledger
    from batuta.testing.run import Run

    done.simulation.ledgers["later"] = Ledger(later, done.ledger.outline)
    done.simulation.send(on.ExecutionCreated(execution_id="later"))
    waiting = Run(done.simulation, "later")
    assert waiting.state is State.CREATED

    done.move(hours=2)

    assert waiting.state is SUCCESS


def test_a_restart_of_a_pause_starts_a_retry_that_fell_due_meanwhile():
    done = run(
        flow("tasks: [{run: a, retry: {type: constant, interval: PT1S, maxAttempts: 2}}]"),
        given={"a": HELD},
    )
    done.simulation.send(on.PauseRequested(execution_id=done.id))
    done.release("a", FAILED)
    done.move(seconds=2)

    done.restart()
    done.release("a")

    assert done.state is SUCCESS

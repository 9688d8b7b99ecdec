"""New executions from old ones, and states set by hand (flow spec §12.4, §15.1 to §15.3)."""

from __future__ import annotations

from typing import Any

import pytest

from batuta.engine import events as on
from batuta.engine import replaying
from batuta.engine.ledger import Ledger
from batuta.engine.outline import outline_of
from batuta.model import labels
from batuta.model.state import State
from batuta.testing.run import Outcome, Run, run
from tests.support.shorthand import flow

FAILED, SUCCESS = State.FAILED, State.SUCCESS
COPY = "copy"


def replayed(source: Run, name: str | None = None, **changes: Any) -> Run:
    """Replay in the simulation, from a task run if one is named."""
    simulation = source.simulation
    ledger, now = source.ledger, simulation.now
    if name is None:
        row, runs = replaying.replay(source.execution, id=COPY, now=now, **changes), []
    else:
        row, runs = replaying.replay_from(ledger, source.run(name), id=COPY, now=now, **changes)
    simulation.ledgers[COPY] = Ledger(row, ledger.outline, runs)
    simulation.send(on.ExecutionCreated(execution_id=COPY))
    simulation.send(on.ExecutionReplayed(execution_id=source.id))
    return Run(simulation, COPY)


def test_a_replay_is_a_new_execution_with_the_same_beginning():
    source = run(flow("{inputs: [{id: x, type: STRING}], tasks: [a, b]}"), inputs={"x": "1"})

    done = replayed(source)

    assert done.history == ["CREATED", "RUNNING", "SUCCESS"]
    assert done.runs == {"a": "SUCCESS", "b": "SUCCESS"}
    assert done.execution.inputs == {"x": "1"}
    assert done.execution.parent_id == source.id
    assert done.execution.original_id == source.execution.original_id
    assert done.execution.attempt_number == 2
    assert labels.value_of(done.execution.labels, labels.REPLAY) == "true"
    assert labels.value_of(source.execution.labels, labels.REPLAYED) == "true"
    assert labels.value_of(source.execution.labels, labels.REPLAY) is None


def test_a_replay_may_have_other_inputs():
    source = run(flow("{inputs: [{id: x, type: STRING}], tasks: [a]}"), inputs={"x": "1"})

    assert replayed(source, inputs={"x": "2"}).execution.inputs == {"x": "2"}


def test_a_replay_from_the_last_task_keeps_what_ran_before():
    source = run(flow("tasks: [a, b, c]"))

    done = replayed(source, "c")

    assert done.state is SUCCESS
    assert done.runs == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert done.history == ["CREATED", "RUNNING", "SUCCESS", "RESTARTED", "RUNNING", "SUCCESS"]
    assert "RESTARTED" in done.history_of("c")
    assert "RESTARTED" not in done.history_of("b")
    assert done.attempts_of("c") == ["SUCCESS", "SUCCESS"]
    assert not {each.id for each in source.ledger.runs.values()} & set(done.ledger.runs)


@pytest.mark.parametrize("name", ["y", "inner"])
def test_a_replay_from_what_follows_the_end_ends_again_first(name):
    source = run(flow("{tasks: [a], afterExecution: [x, {Sequential: s, tasks: [inner]}, y]}"))

    done = replayed(source, name)

    assert done.execution.settled
    assert done.history == ["CREATED", "RUNNING", "SUCCESS", "RESTARTED", "RUNNING", "SUCCESS"]
    assert done.runs == dict.fromkeys(["a", "x", "s", "inner", "y"], "SUCCESS")
    assert done.attempts_of("x") == ["SUCCESS"]


def test_marking_what_follows_the_end_keeps_what_came_before_it():
    done = run(flow("{tasks: [a], afterExecution: [x, y, z]}"))
    begun = {each.task_id: each.id for each in done.ledger.runs.values()}

    done.simulation.send(on.TaskRunMarked(execution_id=done.id, task_run_id=begun["y"], state=FAILED))

    assert done.execution.settled
    assert done.runs == {"a": "SUCCESS", "x": "SUCCESS", "y": "FAILED", "z": "SUCCESS"}
    assert done.run("x").id == begun["x"]


def test_a_replay_removes_what_came_after():
    source = run(flow("{tasks: [a, {Sequential: s, tasks: [b, c]}, d], finally: [f], afterExecution: [x]}"))
    before = source.simulation._attempts.copy()

    done = replayed(source, "b")

    assert done.runs == dict.fromkeys(["a", "s", "b", "c", "d", "f", "x"], "SUCCESS")
    fresh = {run_id for run_id in source.simulation._attempts if run_id not in before}
    assert {done.ledger.runs[run_id].task_id for run_id in fresh} == {"b", "c", "d", "f", "x"}
    assert done.history_of("s")[-3:] == ["SUCCESS", "RUNNING", "SUCCESS"]


def test_branches_beside_the_chosen_run_are_kept():
    source = run(flow("tasks: [{Parallel: p, tasks: [a, b]}, c]"))

    done = replayed(source, "a")

    assert done.runs == dict.fromkeys(["p", "a", "b", "c"], "SUCCESS")
    assert len(done.attempts_of("b")) == 1
    assert len(done.attempts_of("a")) == 2


def test_a_dag_runs_again_what_depends_on_the_chosen_run():
    source = run(
        flow(
            "tasks: [{Dag: d, tasks: [{task: a}, {task: b, dependsOn: [a]}, {task: c, dependsOn: [b]},"
            " {task: e}]}]"
        )
    )

    done = replayed(source, "a")

    assert {name: len(done.attempts_of(name)) for name in "abce"} == {"a": 2, "b": 1, "c": 1, "e": 1}
    assert "RESTARTED" not in done.history_of("e")


@pytest.mark.parametrize(
    ("limit", "again"),
    [("1", ["t[2]", "u[2]", "t[3]", "u[3]"]), ("0", ["t[2]", "u[2]"])],
)
def test_a_loop_goes_on_from_the_chosen_iteration(limit, again):
    source = run(
        flow(f"tasks: [{{ForEach: each, values: [1, 2, 3], concurrencyLimit: {limit}, tasks: [t, u]}}, end]")
    )
    before = set(source.simulation._attempts)

    done = replayed(source, "t[2]")

    assert done.state is SUCCESS
    assert len(done.runs) == 8
    ran = [name for name in done.runs if done.run(name).id in set(source.simulation._attempts) - before]
    assert ran == [*again, "end"]


def test_a_replay_of_what_still_runs_begins_anew_what_is_under_way():
    source = run(flow("tasks: [{Parallel: p, tasks: [a, b]}]"), given={"b": [Outcome(held=True), SUCCESS]})
    held = set(source.simulation.held)

    done = replayed(source, "a")

    assert set(source.simulation.held) - held == {done.run("b").id}
    assert source.state is State.RUNNING


def test_a_task_that_the_revision_lacks_fails_the_execution():
    source = run(flow("tasks: [a, b]"))
    row, runs = replaying.replay_from(
        source.ledger, source.run("b"), id=COPY, now=source.simulation.now, revision=2
    )
    other = run(flow("tasks: [a, z]")).ledger.outline
    source.simulation.ledgers[COPY] = Ledger(row, other, runs)

    with pytest.raises(Exception, match="has no task `b`"):
        source.simulation.send(on.ExecutionCreated(execution_id=COPY))


def test_a_restart_with_another_revision_is_a_copy():
    source = run(flow("tasks: [a, b]"), given={"b": [FAILED, SUCCESS]})
    newer = outline_of(run(flow("tasks: [a, b, c]")).ledger.outline.flow)
    row, runs = replaying.copy(source.ledger, id=COPY, revision=2, now=source.simulation.now)
    source.simulation.ledgers[COPY] = Ledger(row, newer, runs)
    source.simulation.given["b"] = SUCCESS

    done = Run(source.simulation, COPY)
    done.restart()

    assert source.state is FAILED
    assert done.execution.revision == 2
    assert done.execution.parent_id == source.id
    assert done.runs == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert done.attempts_of("b") == ["FAILED", "SUCCESS"]


def test_nobody_hears_of_the_end_of_a_replayed_child():
    parent = run(
        flow("tasks: [{Subflow: s, namespace: company.team, flowId: child}]"),
        flow("{id: child, tasks: [a]}"),
        given={"a": Outcome(held=True)},
    )

    again = replayed(parent.child)
    parent.simulation.release(again.run("a").id, FAILED)

    assert again.state is FAILED
    assert parent.state is State.RUNNING


def test_a_parent_waits_for_the_next_try_of_its_child():
    parent = run(
        flow("tasks: [{Subflow: s, namespace: company.team, flowId: child}]"),
        flow(
            "{id: child, tasks: [a], retry: {type: constant, interval: PT1S, maxAttempts: 2,"
            " behavior: CREATE_NEW_EXECUTION}}"
        ),
        given={"a": [FAILED]},
    )
    first = parent.child
    assert first.state is State.RETRIED
    assert parent.state is State.RUNNING
    simulation = parent.simulation
    simulation.given["a"] = SUCCESS
    row = replaying.repetition(first.execution, id=COPY, now=simulation.now)
    simulation.ledgers[COPY] = Ledger(row, first.ledger.outline)

    simulation.send(on.ExecutionCreated(execution_id=COPY))

    assert parent.state is SUCCESS
    assert parent.outputs["s"]["executionId"] == COPY


def mark(done: Run, name: str, state: State) -> None:
    done.simulation.send(on.TaskRunMarked(execution_id=done.id, task_run_id=done.run(name).id, state=state))


def test_a_failed_task_that_counts_as_a_success_lets_the_execution_go_on():
    done = run(flow("{tasks: [{Sequential: s, tasks: [a, b]}, c], errors: [e]}"), given={"a": FAILED})

    mark(done, "a", SUCCESS)

    assert done.state is SUCCESS
    assert done.runs == {"s": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert done.history == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert done.attempts_of("a") == ["SUCCESS"]
    assert done.history_of("s") == ["CREATED", "RUNNING", "FAILED", "RUNNING", "SUCCESS"]
    assert done.execution.attempt_number == 2


def test_a_task_that_counts_as_failed_runs_the_handlers():
    done = run(flow("{tasks: [a], errors: [e]}"))

    mark(done, "a", FAILED)

    assert done.state is FAILED
    assert done.runs == {"a": "FAILED", "e": "SUCCESS"}


def test_a_task_that_counts_as_cancelled_cancels_the_execution():
    done = run(flow("tasks: [a, b]"), given={"a": FAILED})

    mark(done, "a", State.CANCELLED)

    assert done.state is State.CANCELLED
    assert done.runs == {"a": "CANCELLED"}


def test_the_status_of_an_ended_execution_may_be_changed():
    done = run(flow("tasks: [a, b]"), given={"a": FAILED})

    done.simulation.send(on.StatusChanged(execution_id=done.id, state=SUCCESS))

    assert done.history == ["CREATED", "RUNNING", "FAILED", "SUCCESS"]
    assert done.runs == {"a": "FAILED"}


def test_a_replay_of_a_killed_loop_goes_on_with_every_value():
    """Three values may go on and two have room: the third is not forgotten."""
    loop = "tasks: [{ForEach: e, values: [x, y, z], concurrencyLimit: 2, tasks: [a, b]}]"
    source = run(flow(loop), given={"a": Outcome(held=True)})
    source.release("a[x]")
    source.kill()
    assert source.runs == {
        "e": "KILLED", "a[x]": "SUCCESS", "b[x]": "SUCCESS", "a[y]": "KILLED", "a[z]": "KILLED",
    }  # fmt: skip

    copy = replayed(source, "a[x]")
    copy.release("a[x]")

    assert copy.execution.settled
    assert {"b[x]", "b[y]", "b[z]"} <= set(copy.runs)


def test_a_restarted_replay_starts_a_child_of_its_own():
    """The child of the original would tell the original of its end."""
    source = run(
        flow("{tasks: [{Subflow: s, namespace: company.team, flowId: child}], afterExecution: [x]}"),
        flow("{id: child, tasks: [c]}"),
        given={"c": [FAILED]},
    )
    copy = replayed(source, "x")
    assert copy.state is FAILED
    source.simulation.given["c"] = SUCCESS

    copy.restart()

    assert copy.runs == {"s": "SUCCESS", "x": "SUCCESS"}
    assert source.state is FAILED

"""What people do to an execution while a Loop in it is half through (flow spec §6.9, §15)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from batuta.engine import events as on
from batuta.engine import replaying
from batuta.engine.ledger import Ledger
from batuta.engine.outline import outline_of
from batuta.model.execution import Execution
from batuta.model.state import State
from batuta.testing.run import Outcome, Run, Simulation
from tests.support.shorthand import flow

HELD = Outcome(held=True)
COPY = "copy"
PAUSING = "tasks: [first, {Loop: l, values: [a, b], tasks: [{Pause: p}]}, last]"
WORKING = "tasks: [first, {Loop: l, values: [a, b], tasks: [t]}, last]"
BESIDE = "tasks: [{Parallel: both, tasks: [{Loop: l, values: [a, b], tasks: [{Pause: p}]}, x]}]"
NESTED = """
tasks:
  - Loop: outer
    values: [a, b]
    tasks: [{Loop: inner, values: [x], tasks: [{Pause: p}]}]
"""


def begun(text: str, **given: Any) -> Run:
    return Simulation(flow(text), given=given).start()


def iterations(done: Run, parent: str | None = None) -> list[Execution]:
    """Iterations that an execution has started, in order of creation."""
    parent = parent or done.id
    found = (each.execution for each in done.simulation.ledgers.values())
    return [each for each in found if each.loop is not None and each.loop.execution_id == parent]


def states(done: Run) -> list[str]:
    return [each.state.current.value for each in iterations(done)]


def resume_all(done: Run) -> None:
    """Resume what is paused by a Pause, until nothing is."""
    while paused := [
        ledger.execution.id
        for ledger in done.simulation.ledgers.values()
        if any(
            run.state.current is State.PAUSED and run.task_id in ("p", "q") for run in ledger.runs.values()
        )
    ]:
        done.simulation.send(on.ResumeRequested(execution_id=paused[0]))


def release_all(done: Run) -> None:
    while done.simulation.held:
        done.simulation.release(next(iter(done.simulation.held)))


def assert_all_over(done: Run) -> None:
    """Nothing is left that somebody would have to care for."""
    assert [e.execution.id for e in done.simulation.ledgers.values() if not e.execution.settled] == []
    assert [
        run.id
        for ledger in done.simulation.ledgers.values()
        for run in ledger.runs.values()
        if not run.is_ended
    ] == []


def adopt(source: Run, row: Execution, runs: Any, event: on.AnyEvent) -> Run:
    """A copy of an execution among those of the simulation."""
    root = None if row.loop is None else row.loop.task_id
    outline = outline_of(source.ledger.outline.flow, root)
    outer = None if row.loop is None else source.simulation.ledgers[row.loop.execution_id]
    source.simulation.ledgers[row.id] = Ledger(row, outline, runs, outer=outer)
    source.simulation.send(event)
    return Run(source.simulation, row.id)


def replayed(source: Run, name: str | None = None) -> Run:
    now = source.simulation.now
    if name is None:
        row, runs = replaying.replay(source.execution, id=COPY, now=now), []
    else:
        row, runs = replaying.replay_from(source.ledger, source.run(name), id=COPY, now=now)
    return adopt(source, row, runs, on.ExecutionCreated(execution_id=COPY))


def copied(source: Run) -> Run:
    """Restarted with another revision."""
    row, runs = replaying.copy(source.ledger, id=COPY, revision=1, now=source.simulation.now)
    return adopt(source, row, runs, on.RestartRequested(execution_id=COPY))


def restart(done: Run) -> None:
    done.simulation.send(on.RestartRequested(execution_id=done.id))


# Restart


def test_a_paused_loop_that_is_restarted_begins_anew_and_leaves_no_paused_iteration_behind():
    done = begun(PAUSING)
    assert (done.state, states(done)) == (State.PAUSED, ["PAUSED", "PAUSED"])

    restart(done)

    assert states(done) == ["KILLED", "KILLED", "PAUSED", "PAUSED"]
    resume_all(done)
    assert done.runs == {"first": "SUCCESS", "l": "SUCCESS", "last": "SUCCESS"}
    assert done.run("l").outputs["terminatedIterations"] == {"SUCCESS": 2}
    assert_all_over(done)


def test_a_failed_loop_that_is_restarted_stops_the_iterations_that_are_still_under_way():
    done = begun(WORKING, t=HELD)
    failing, running = list(done.simulation.held)
    done.simulation.release(failing, State.FAILED)
    assert (done.state, states(done)) == (State.FAILED, ["FAILED", "RUNNING"])

    restart(done)

    assert running in done.simulation.stopped
    assert states(done)[:2] == ["FAILED", "KILLED"]
    release_all(done)
    assert done.state is State.SUCCESS
    assert_all_over(done)


@pytest.mark.parametrize("cascade", [True, False])
def test_a_killed_loop_that_is_restarted_begins_anew(cascade):
    done = begun(PAUSING)
    done.simulation.send(on.KillRequested(execution_id=done.id, cascade=cascade))
    assert done.state is State.KILLED

    restart(done)
    resume_all(done)

    assert states(done) == ["KILLED", "KILLED", "SUCCESS", "SUCCESS"]
    assert done.state is State.SUCCESS
    assert_all_over(done)


def test_an_execution_that_people_paused_goes_on_with_its_loop_when_it_is_restarted():
    done = begun("tasks: [{Loop: l, values: [a, b], concurrencyLimit: 1, tasks: [t]}]", t=HELD)
    done.simulation.send(on.PauseRequested(execution_id=done.id))

    restart(done)
    release_all(done)

    assert states(done) == ["SUCCESS", "SUCCESS"]
    assert done.state is State.SUCCESS
    assert_all_over(done)


def test_the_whole_is_restarted_although_a_loop_inside_of_a_loop_is_paused():
    done = begun(NESTED)
    assert done.state is State.PAUSED

    restart(done)
    resume_all(done)

    assert states(done) == ["KILLED", "KILLED", "SUCCESS", "SUCCESS"]
    assert done.state is State.SUCCESS
    assert_all_over(done)


def test_a_paused_iteration_that_is_restarted_itself_is_waited_for_all_the_same():
    done = begun(PAUSING)
    one = iterations(done)[0]

    done.simulation.send(on.RestartRequested(execution_id=one.id))
    assert done.state is State.PAUSED
    resume_all(done)

    assert done.state is State.SUCCESS
    assert done.run("l").outputs["terminatedIterations"] == {"SUCCESS": 2}
    assert_all_over(done)


def test_an_iteration_that_is_restarted_after_its_end_counts_once():
    done = begun("tasks: [{Loop: l, values: [a, b], transmitFailed: false, tasks: [t]}, last]", t=HELD)
    first, second = list(done.simulation.held)
    done.simulation.release(first, State.FAILED)

    done.simulation.send(on.RestartRequested(execution_id=iterations(done)[0].id))
    done.simulation.release(first)

    assert done.run("l").outputs["terminatedIterations"] == {"FAILED": 1}
    assert done.runs == {"l": "RUNNING"}
    done.simulation.release(second)
    assert done.runs == {"l": "SUCCESS", "last": "SUCCESS"}
    assert_all_over(done)


def test_an_iteration_that_pauses_after_its_restart_does_not_pause_a_loop_that_has_heard_of_its_end():
    text = """
    tasks:
      - Loop: l
        values: [a, b]
        transmitFailed: false
        tasks: [{Parallel: c, tasks: [{Pause: p}, x]}, y]
    """
    done = begun(text, x=[State.FAILED, State.SUCCESS, State.FAILED, State.SUCCESS])
    resume_all(done)
    ended = done.run("l").outputs

    for each in iterations(done):
        done.simulation.send(on.RestartRequested(execution_id=each.id))

    assert done.run("l").outputs == ended
    assert done.state is State.SUCCESS


# Copies: a restart with another revision, a replay


def test_a_copy_of_a_paused_loop_has_iterations_of_its_own():
    source = begun(PAUSING)

    copy = copied(source)

    assert states(copy) == ["PAUSED", "PAUSED"]
    resume_all(source)
    assert (source.state, copy.state) == (State.SUCCESS, State.SUCCESS)
    assert_all_over(source)


@pytest.mark.parametrize(
    "text",
    [WORKING, "tasks: [t, last]", BESIDE.replace("Pause: p", "Loop: m, values: [z], tasks: [t]")],
)
def test_a_copy_does_not_wait_for_what_is_under_way_in_the_original(text):
    source = begun(text, t=HELD)
    source.simulation.send(on.PauseRequested(execution_id=source.id))

    copy = copied(source)
    release_all(source)

    assert copy.state is State.SUCCESS
    source.simulation.send(on.ResumeRequested(execution_id=source.id))
    release_all(source)
    assert source.state is State.SUCCESS
    assert_all_over(source)


def test_a_copy_does_not_wait_for_a_retry_of_the_original():
    retry = "retry: {type: constant, interval: PT1H, maxAttempts: 3}"
    source = begun(
        f"tasks: [{{Parallel: both, tasks: [{{Return: t, {retry}}}, {{Pause: p}}]}}]",
        t=[State.FAILED, State.SUCCESS],
    )
    assert source.runs == {"both": "RUNNING", "t": "RETRYING", "p": "PAUSED"}

    copy = copied(source)
    resume_all(source)
    source.simulation.move(timedelta(hours=2))

    assert (source.state, copy.state) == (State.SUCCESS, State.SUCCESS)
    assert_all_over(source)


@pytest.mark.parametrize("begin", [None, "first", "l"])
def test_a_replay_has_iterations_of_its_own_wherever_it_begins(begin):
    source = begun(PAUSING)

    copy = replayed(source, begin)

    assert states(copy) == ["PAUSED", "PAUSED"]
    resume_all(source)
    assert (source.state, copy.state) == (State.SUCCESS, State.SUCCESS)
    assert_all_over(source)


@pytest.mark.parametrize("begin", ["both", "x"])
def test_a_replay_from_beside_a_loop_that_is_under_way_begins_the_loop_anew(begin):
    source = begun(BESIDE)

    copy = replayed(source, begin)

    assert states(copy) == ["PAUSED", "PAUSED"]
    resume_all(source)
    assert (source.state, copy.state) == (State.SUCCESS, State.SUCCESS)
    assert_all_over(source)


def test_a_replay_from_behind_a_loop_keeps_what_the_loop_gave():
    text = """
    tasks:
      - Loop: l
        values: [a, b]
        outputs: [{id: v, type: STRING, value: "{{ item.value }}"}]
        tasks: [t]
      - last
    """
    source = begun(text)

    copy = replayed(source, "last")

    assert copy.state is State.SUCCESS
    assert iterations(copy) == []
    assert copy.run("l").outputs == source.run("l").outputs
    assert [each["outputs"]["v"] for each in copy.run("l").outputs["outputs"]] == ["a", "b"]


@pytest.mark.parametrize("begin", [None, "p"])
def test_a_replay_of_an_iteration_is_waited_for_by_nobody(begin):
    done = begun(PAUSING)
    one, two = iterations(done)
    done.simulation.send(on.ResumeRequested(execution_id=one.id))
    source = Run(done.simulation, one.id)

    copy = replayed(source, begin)
    assert copy.state is State.PAUSED
    done.simulation.send(on.ResumeRequested(execution_id=two.id))

    assert done.runs == {"first": "SUCCESS", "l": "SUCCESS", "last": "SUCCESS"}
    copy.kill()
    assert copy.state is State.KILLED
    assert done.state is State.SUCCESS


def test_a_replay_of_an_iteration_that_is_killed_in_its_pause_leaves_the_loop_as_it_was():
    done = begun("tasks: [{Loop: l, values: [a, b], tasks: [t, {Pause: p}]}]", t=HELD)
    one = iterations(done)[0]

    copy = replayed(Run(done.simulation, one.id))
    done.simulation.release(next(id for id in done.simulation.held if id in copy.ledger.runs))
    assert (copy.state, done.state) == (State.PAUSED, State.RUNNING)
    copy.kill()
    release_all(done)
    resume_all(done)

    assert done.state is State.SUCCESS
    assert_all_over(done)


# Kill


def test_a_loop_is_killed_once_its_iterations_are_and_counts_them():
    done = begun(PAUSING)
    done.simulation.send(on.ResumeRequested(execution_id=iterations(done)[0].id))

    done.kill()

    assert done.runs == {"first": "SUCCESS", "l": "KILLED"}
    assert done.run("l").outputs["terminatedIterations"] == {"SUCCESS": 1, "KILLED": 1}
    assert done.run("l").outputs["runningIterations"] == {}
    assert_all_over(done)


def test_a_kill_reaches_a_loop_inside_of_a_paused_loop():
    done = begun(NESTED)

    done.kill()

    assert done.state is State.KILLED
    assert_all_over(done)


# Pause by people


def test_while_people_pause_the_execution_no_iteration_begins():
    done = begun("tasks: [{Loop: l, values: [a, b, c], concurrencyLimit: 1, tasks: [t]}, last]", t=HELD)
    done.simulation.send(on.PauseRequested(execution_id=done.id))

    done.simulation.release(next(iter(done.simulation.held)))

    assert states(done) == ["SUCCESS"]
    assert done.runs == {"l": "RUNNING"}
    done.simulation.send(on.ResumeRequested(execution_id=done.id))
    release_all(done)
    assert states(done) == ["SUCCESS"] * 3
    assert done.runs == {"l": "SUCCESS", "last": "SUCCESS"}


def test_a_loop_whose_last_iteration_ends_while_people_pause_the_execution_ends():
    done = begun(WORKING, t=HELD)
    done.simulation.send(on.PauseRequested(execution_id=done.id))

    release_all(done)

    assert (done.state, done.runs) == (State.PAUSED, {"first": "SUCCESS", "l": "SUCCESS"})
    done.simulation.send(on.ResumeRequested(execution_id=done.id))
    assert done.state is State.SUCCESS


def test_force_run_lets_an_execution_go_on_whose_loop_is_paused():
    done = begun(PAUSING)

    done.simulation.send(on.ForceRunRequested(execution_id=done.id))
    resume_all(done)

    assert done.state is State.SUCCESS
    assert_all_over(done)


# States set by hand


@pytest.mark.parametrize(
    ("state", "runs"),
    [
        (State.SUCCESS, {"first": "SUCCESS", "l": "SUCCESS", "last": "SUCCESS"}),
        (State.FAILED, {"first": "SUCCESS", "l": "FAILED"}),
    ],
)
def test_a_loop_is_marked_while_one_of_its_iterations_runs(state, runs):
    done = begun(WORKING, t=HELD)
    failing = next(iter(done.simulation.held))
    done.simulation.release(failing, State.FAILED)

    done.simulation.send(on.TaskRunMarked(execution_id=done.id, task_run_id=done.run("l").id, state=state))
    release_all(done)

    assert done.state is state
    assert done.runs == runs
    assert_all_over(done)


def test_a_run_of_an_ended_iteration_is_marked_and_the_loop_does_not_count_it_twice():
    done = begun("tasks: [{Loop: l, values: [a, b], transmitFailed: false, tasks: [t]}]", t=HELD)
    first, second = list(done.simulation.held)
    done.simulation.release(first, State.FAILED)

    done.simulation.send(
        on.TaskRunMarked(execution_id=iterations(done)[0].id, task_run_id=first, state=State.SUCCESS)
    )
    assert done.runs == {"l": "RUNNING"}
    done.simulation.release(second)

    assert done.state is State.SUCCESS
    assert done.run("l").outputs["terminatedIterations"] == {"FAILED": 1, "SUCCESS": 1}
    assert_all_over(done)


# Retries


def test_an_iteration_that_waits_for_its_retry_is_waited_for():
    text = """
    tasks:
      - Loop: l
        values: [a, b]
        tasks:
          - {Return: t, retry: {type: constant, interval: PT1M, maxAttempts: 2}}
      - last
    """
    done = begun(text, t=[State.FAILED, State.SUCCESS])
    assert states(done) == ["RETRYING", "RETRYING"]
    assert done.runs == {"l": "RUNNING"}

    done.simulation.move(timedelta(minutes=2))

    assert done.runs == {"l": "SUCCESS", "last": "SUCCESS"}


# Many


def test_an_iteration_that_is_restarted_after_a_portion_of_a_thousand_others_counts_once():
    done = begun(
        "tasks: [{Loop: l, values: "
        + str([f"v{n}" for n in range(1_030)])
        + ", transmitFailed: false, tasks: [t]}]",
        t=HELD,
    )
    chosen = [iterations(done)[index] for index in (0, 1_023, 1_024, 1_029)]
    runs = [next(iter(done.simulation.ledgers[each.id].runs)) for each in chosen]
    for run in runs:
        done.simulation.release(run, State.FAILED)
    for each, run in zip(chosen, runs, strict=True):
        done.simulation.send(on.RestartRequested(execution_id=each.id))
        done.simulation.release(run)

    assert done.run("l").outputs["terminatedIterations"] == {"FAILED": 4}
    release_all(done)
    assert done.run("l").outputs["terminatedIterations"] == {"FAILED": 4, "SUCCESS": 1_026}
    assert done.state is State.SUCCESS

"""Concurrency limits (flow spec §13)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batuta.engine import events as on
from batuta.model.flow import ConcurrencyBehavior
from batuta.model.state import State
from batuta.testing.run import Outcome, Run, Simulation
from tests.support.shorthand import flow

HELD = Outcome(held=True)


def limited(behavior: str = "QUEUE", limit: int = 1, more: str = "", tasks: str = "[a]") -> Simulation:
    concurrency = f"concurrency: {{limit: {limit}, behavior: {behavior}}}"
    return Simulation(flow(f"{{{concurrency}, tasks: {tasks} {more}}}"), given={"a": HELD})


def test_a_second_execution_waits_for_the_first():
    simulation = limited()
    first, second = simulation.start(), simulation.start()
    assert (first.state, second.state) == (State.RUNNING, State.QUEUED)
    assert "is queued due to concurrency limit exceeded, 1 running(s)" in second.log

    first.release("a")

    assert first.state is State.SUCCESS
    assert second.history == ["CREATED", "QUEUED", "RUNNING"]


def several(simulation: Simulation, count: int) -> list[Run]:
    """Executions a second apart."""
    runs = []
    for _ in range(count):
        runs.append(simulation.start())
        simulation.move(timedelta(seconds=1))
    return runs


def test_the_queue_is_in_order():
    for each in several(limited(), 4):
        assert each.state is State.RUNNING
        each.release("a")


def test_an_execution_may_be_cancelled_or_fail_instead():
    for behavior, state in (("CANCEL", State.CANCELLED), ("FAIL", State.FAILED)):
        simulation = limited(behavior, more=", errors: [e], afterExecution: [x]")
        simulation.start()

        refused = simulation.start()

        assert refused.history == ["CREATED", state.value]
        assert refused.runs == {}
        assert refused.execution.settled
        assert f"is {state.value} due to concurrency limit exceeded" in refused.log


def test_a_slot_is_held_until_after_execution_has_ended():
    simulation = limited(more=", afterExecution: [x]")
    simulation.given["x"] = HELD
    first, second = simulation.start(), simulation.start()

    first.release("a")
    assert (first.state, second.state) == (State.SUCCESS, State.QUEUED)

    first.release("x")
    assert second.state is State.RUNNING


def test_what_is_paused_keeps_its_slot():
    simulation = limited(tasks="[{Pause: p}]")
    first, second = simulation.start(), simulation.start()
    assert (first.state, second.state) == (State.PAUSED, State.QUEUED)

    first.resume()

    assert second.history == ["CREATED", "QUEUED", "RUNNING", "PAUSED"]


def test_a_kill_frees_the_slot_and_a_killed_one_of_the_queue_holds_none():
    simulation = limited()
    first, second, third = simulation.start(), simulation.start(), simulation.start()

    second.kill()
    assert second.history == ["CREATED", "QUEUED", "KILLING", "KILLED"]
    assert third.state is State.QUEUED

    first.kill()
    assert third.state is State.RUNNING


def test_a_restart_takes_its_slot_again():
    simulation = limited()
    first = simulation.start()
    first.release("a", State.FAILED)

    first.restart()
    second = simulation.start()

    assert (first.state, second.state) == (State.RUNNING, State.QUEUED)


def test_unqueue_and_force_run_pass_by_the_limit_and_count():
    simulation = limited()
    first, second, third = simulation.start(), simulation.start(), simulation.start()

    simulation.send(on.UnqueueRequested(execution_id=second.id))
    simulation.send(on.ForceRunRequested(execution_id=third.id))
    assert [each.state for each in (second, third)] == [State.RUNNING, State.RUNNING]
    fourth = simulation.start()
    first.release("a")
    second.release("a")
    assert fourth.state is State.QUEUED

    third.release("a")
    assert fourth.state is State.RUNNING


def test_what_leaves_the_queue_may_end_at_once():
    simulation = limited()
    simulation.start()
    second = simulation.start()

    simulation.send(on.UnqueueRequested(execution_id=second.id, state=State.CANCELLED))

    assert second.history == ["CREATED", "QUEUED", "CANCELLED"]
    assert second.execution.settled


def change_limit(simulation: Simulation, **changes: Any) -> None:
    """Save another revision, of which the running executions know nothing."""
    [(key, before)] = simulation.flows.items()
    limit = replace(before.concurrency, **changes) if changes else None
    simulation.flows[key] = replace(before, revision=2, concurrency=limit)
    simulation.offer_slots(key)
    simulation.work()


def test_the_limit_of_the_newest_revision_counts():
    simulation = limited()
    runs = several(simulation, 4)

    change_limit(simulation, limit=3)

    assert [each.state for each in runs] == [State.RUNNING] * 3 + [State.QUEUED]


def test_a_queue_is_let_run_when_there_is_no_limit_any_more():
    for changes in ({}, {"behavior": ConcurrencyBehavior.CANCEL}):
        simulation = limited()
        runs = several(simulation, 3)

        change_limit(simulation, **changes)

        assert [each.state for each in runs] == [State.RUNNING] * 3


def test_a_date_in_the_future_is_waited_for_before_the_slot():
    simulation = limited()
    later = simulation.start(schedule_at=simulation.now + timedelta(seconds=5))
    first = simulation.start()
    assert (later.state, first.state) == (State.CREATED, State.RUNNING)

    later.move(seconds=6)

    assert later.state is State.QUEUED


def test_a_program_that_starts_again_asks_again():
    simulation = limited()
    first, second = simulation.start(), simulation.start()

    for each in (second, first):
        simulation.send(on.ExecutionLoaded(execution_id=each.id))

    assert (first.state, second.state) == (State.RUNNING, State.QUEUED)
    first.release("a")
    assert second.state is State.RUNNING


ACTIONS = ["start", "start", "start", "release", "release", "kill", "restart", "pause", "resume", "reload"]


@given(st.integers(1, 3), st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 99)), max_size=30))
@settings(max_examples=200, deadline=None)
def test_no_more_run_than_the_limit_allows_and_none_waits_in_vain(limit, actions):
    """Restarts pass by the limit, as those of executions that once had a slot do."""
    simulation = limited(limit=limit)
    [key] = simulation.flows
    runs: list[Run] = []
    restarted: set[str] = set()
    for action, choice in actions:
        each = runs[choice % len(runs)] if runs else None
        match action:
            case "start":
                runs.append(simulation.start())
            case "release" if simulation.held:
                held = sorted(simulation.held)
                simulation.release(held[choice % len(held)], [State.SUCCESS, State.FAILED][choice % 2])
            case "kill" if each is not None:
                each.kill()
            case "restart" if each is not None and each.execution.is_ended:
                each.restart()
                restarted.add(each.id)
            case "pause" if each is not None:
                simulation.send(on.PauseRequested(execution_id=each.id))
            case "resume" if each is not None:
                each.resume()
            case "reload" if each is not None and not each.execution.settled:
                simulation.send(on.ExecutionLoaded(execution_id=each.id))
        running = set(simulation.running(key))
        waiting = len(simulation.queued(key))
        assert len(running - restarted) <= limit
        assert not waiting or len(running) >= limit

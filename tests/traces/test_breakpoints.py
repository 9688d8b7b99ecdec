"""Breakpoints (flow spec §15, §18.1)."""

from __future__ import annotations

from msgspec.structs import replace

from batuta.engine import events as on
from batuta.model.execution import Breakpoint
from batuta.model.state import State
from batuta.testing.run import Run, Simulation
from tests.support.shorthand import flow


def stopped(tasks: str, *breakpoints: Breakpoint, **given) -> Run:
    """Run a flow that stops at breakpoints."""
    simulation = Simulation(flow(f"tasks: {tasks}"), given=given)
    done = simulation.start(schedule_at=simulation.now.replace(year=2027))
    done.ledger.execution = replace(done.execution, breakpoints=breakpoints, schedule_at=None)
    simulation.send(on.ExecutionCreated(execution_id=done.id))
    return done


def go_on(done: Run, *breakpoints: Breakpoint) -> None:
    done.simulation.send(on.BreakpointResumed(execution_id=done.id, breakpoints=breakpoints or None))


def test_an_execution_stops_before_a_task_and_goes_on():
    done = stopped("[a, b, c]", Breakpoint("b"))
    assert done.state is State.BREAKPOINT
    assert done.runs == {"a": "SUCCESS", "b": "BREAKPOINT"}
    assert "Flow is suspended at a breakpoint." in done.log

    go_on(done)

    assert done.history == ["CREATED", "RUNNING", "BREAKPOINT", "RUNNING", "SUCCESS"]
    assert done.history_of("b")[:3] == ["CREATED", "BREAKPOINT", "CREATED"]


def test_the_next_stop_may_be_named():
    done = stopped("[a, b, c]", Breakpoint("a"))

    go_on(done, Breakpoint("c"))

    assert done.runs == {"a": "SUCCESS", "b": "SUCCESS", "c": "BREAKPOINT"}


def test_a_breakpoint_may_be_for_one_value():
    done = stopped("[{ForEach: each, values: [x, y, z], tasks: [t]}]", Breakpoint("t", "y"))

    assert done.runs == {"each": "RUNNING", "t[x]": "SUCCESS", "t[y]": "BREAKPOINT"}


def test_what_stands_beside_waits_too():
    done = stopped("[{Parallel: p, tasks: [a, {Pause: w}, b]}]", Breakpoint("a"))
    assert done.runs == {"p": "RUNNING", "a": "BREAKPOINT", "w": "CREATED", "b": "CREATED"}

    go_on(done)
    done.resume()

    assert done.state is State.SUCCESS


def test_a_block_may_be_stopped_at():
    done = stopped("[{Sequential: s, tasks: [a]}, b]", Breakpoint("s"))
    assert done.runs == {"s": "BREAKPOINT"}

    go_on(done)

    assert done.state is State.SUCCESS


def test_a_retry_does_not_stop_again():
    done = stopped(
        "[{run: a, retry: {type: constant, interval: PT1S, maxAttempts: 2}}]",
        Breakpoint("a"),
        a=[State.FAILED, State.SUCCESS],
    )

    go_on(done)
    done.move(seconds=2)

    assert done.state is State.SUCCESS


def test_what_has_stopped_may_be_killed():
    done = stopped("[a, b]", Breakpoint("a"))

    done.kill()

    assert done.history == ["CREATED", "RUNNING", "BREAKPOINT", "KILLING", "KILLED"]
    assert done.runs == {"a": "KILLED"}


def test_a_stop_outlasts_the_program():
    done = stopped("[a, b]", Breakpoint("b"))

    done.simulation.send(on.ExecutionLoaded(execution_id=done.id))

    assert done.state is State.BREAKPOINT

"""Executions of the kind PLAYGROUND: a draft, tried step by step (flow spec §18.1)."""

from __future__ import annotations

from msgspec.structs import replace

from batuta.engine import events as on
from batuta.model.execution import Breakpoint, ExecutionKind
from batuta.model.flow import FlowKey
from batuta.model.state import State
from batuta.testing.simulation import Simulation
from batuta.testing.view import Run
from tests.support.shorthand import flow

KEY = FlowKey("company.team", "f")


def started(stage: Simulation, *stops: str) -> Run:
    """An execution of the playground that stops before some tasks."""
    made = stage._create(stage.flows[KEY], {}, (), None, "play", kind=ExecutionKind.PLAYGROUND)
    stage.ledgers["play"].replace_execution(replace(made, breakpoints=tuple(map(Breakpoint, stops))))
    stage.work()
    return Run(stage, "play")


def test_it_runs_up_to_the_chosen_task_and_nothing_follows_on_its_end():
    stage = Simulation(flow("{tasks: [a, b], finally: [f], afterExecution: [x]}"))

    play = started(stage, "b")
    assert play.state is State.BREAKPOINT
    assert play.runs == {"a": "SUCCESS", "b": "BREAKPOINT"}

    stage.send(on.BreakpointResumed(execution_id="play", breakpoints=()))
    assert play.state is State.SUCCESS
    assert play.runs == {"a": "SUCCESS", "b": "SUCCESS", "f": "SUCCESS"}
    assert stage.ledgers["play"].execution.settled


def test_limits_and_quotas_do_not_hold_and_it_does_not_count():
    source = """
        concurrency: {limit: 1, behavior: FAIL}
        quotas: [{duration: PT1H, limit: 1, behavior: FAIL}]
        tasks: [{Pause: p}]
        """
    stage = Simulation(flow(source))

    assert started(stage).state is State.PAUSED
    assert stage.start().state is State.PAUSED

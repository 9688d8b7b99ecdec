"""What holds for every flow and every legal sequence of events."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.engine import events as on
from batuta.engine.ledger import Ledger
from batuta.engine.tally import recount
from batuta.model.state import EXECUTION_TRANSITIONS, TASK_RUN_TRANSITIONS, State
from batuta.testing.run import Outcome, Run, Simulation
from tests.support.shorthand import flow

ENDS = [State.SUCCESS, State.SUCCESS, State.FAILED, State.WARNING]


@st.composite
def task_lists(draw: Any, names: Any, depth: int = 2) -> list[Any]:
    return [draw(tasks(names, depth)) for _ in range(draw(st.integers(1, 3)))]


@st.composite
def tasks(draw: Any, names: Any, depth: int) -> Any:
    name = f"t{next(names)}"
    kinds = ["leaf", "leaf", "Pause", "Approval"]
    if depth:
        kinds += ["Sequential", "Parallel", "ForEach", "If", "AllowFailure"]
    kind = draw(st.sampled_from(kinds))
    extra: dict[str, Any] = {}
    if draw(st.integers(0, 5)) == 0:
        extra["allowFailure"] = True
    if draw(st.integers(0, 7)) == 0:
        extra["retry"] = {"type": "constant", "interval": "PT1S", "maxAttempts": 2}
    if kind == "leaf":
        return {"run": name, **extra}
    if kind in ("Pause", "Approval"):
        return {kind: name}
    children = draw(task_lists(names, depth - 1))
    node: dict[str, Any] = {kind: name, **extra}
    if kind == "ForEach":
        node |= {"values": ["x", "y"], "concurrencyLimit": draw(st.integers(0, 2))}
    if kind == "If":
        node |= {"condition": draw(st.sampled_from(["true", "false"])), "then": children}
    else:
        node["tasks"] = children
    for handler in ("errors", "finally"):
        if draw(st.integers(0, 4)) == 0:
            node[handler] = draw(task_lists(names, 0))
    return node


@st.composite
def documents(draw: Any) -> str:
    from itertools import count

    names = count()
    document: dict[str, Any] = {"tasks": draw(task_lists(names))}
    for handler in ("errors", "finally", "afterExecution"):
        if draw(st.integers(0, 3)) == 0:
            document[handler] = draw(task_lists(names, 0))
    return flow(yaml.safe_dump(document))


ACTIONS = ["release", "release", "release", "kill", "resume", "restart", "move", "pause", "lose", "repeat"]
ACTIONS += ["review", "mark", "load"]


def check(run: Run) -> None:
    """Compare every index of the ledger with what a fresh one would hold."""
    ledger = run.ledger
    fresh = Ledger(ledger.execution, ledger.outline, ledger.runs.values())
    assert ledger.states == fresh.states
    assert ledger.outputs == fresh.outputs
    assert ledger.open_leaves == fresh.open_leaves
    assert ledger.open_flowables == fresh.open_flowables
    for parent in [None, *ledger.runs]:
        branches = {ledger.branch_of(child) for child in ledger.children(parent)}
        for branch in branches:
            children = [child for child in ledger.children(parent) if ledger.branch_of(child) == branch]
            assert ledger.tally(parent, branch).figures() == recount(children)
    assert [each.ordinal for each in ledger.runs.values()] == sorted(
        each.ordinal for each in ledger.runs.values()
    )
    for each in ledger.runs.values():
        moments = [moment.state for moment in each.state.moments]
        assert all(b in TASK_RUN_TRANSITIONS[a] for a, b in pairwise(moments)), moments
    moments = [moment.state for moment in ledger.execution.state.moments]
    assert all(b in EXECUTION_TRANSITIONS[a] for a, b in pairwise(moments)), moments


@given(documents(), st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 99)), max_size=15))
@settings(max_examples=250, deadline=None)
def test_indexes_equal_a_recount_and_only_legal_transitions_are_made(source, actions):
    simulation = Simulation(source, given=_everything_held(source))
    run = simulation.start()
    check(run)
    for action, choice in actions:
        _act(run, action, choice)
        check(run)
    _finish(run)
    check(run)
    assert run.execution.settled
    assert run.state.is_ended


@given(documents(), st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 99)), max_size=10))
@settings(max_examples=100, deadline=None)
def test_the_same_events_give_the_same_history(source, actions):
    def history() -> Any:
        run = Simulation(source, given=_everything_held(source)).start()
        for action, choice in actions:
            _act(run, action, choice)
        return run.execution, list(run.ledger.runs.values())

    assert history() == history()


def _everything_held(source: str) -> dict[str, Any]:
    return {f"t{number}": Outcome(held=True) for number in range(source.count("id: t"))}


def _act(run: Run, action: str, choice: int) -> None:
    simulation = run.simulation
    match action:
        case "release" if simulation.held:
            ids = sorted(simulation.held)
            simulation.release(ids[choice % len(ids)], ENDS[choice % len(ENDS)])
        case "kill":
            run.kill()
        case "resume":
            run.resume()
        case "restart" if not simulation.held:
            run.restart()
        case "move":
            run.move(seconds=2)
        case "review":
            simulation.send(on.ReviewGiven(execution_id=run.id, approved=choice % 3 > 0))
        case "mark" if run.ledger.runs and not simulation.held:
            each = list(run.ledger.runs.values())[choice % len(run.ledger.runs)]
            state = ENDS[choice % len(ENDS)]
            simulation.send(on.TaskRunMarked(execution_id=run.id, task_run_id=each.id, state=state))
        case "load":
            simulation.send(on.ExecutionLoaded(execution_id=run.id))
        case "pause":
            simulation.send(on.PauseRequested(execution_id=run.id))
        case "lose" if simulation.held:
            command = simulation.held.pop(sorted(simulation.held)[choice % len(simulation.held)])
            simulation.send(
                on.TaskRunLost(execution_id=run.id, task_run_id=command.run.id, token=command.run.token)
            )
        case "repeat" if run.ledger.runs:
            each = list(run.ledger.runs.values())[choice % len(run.ledger.runs)]
            simulation.send(
                on.TaskRunFinished(
                    execution_id=run.id, task_run_id=each.id, token=each.token - 1, state=State.SUCCESS
                )
            )


def _finish(run: Run) -> None:
    """Let everything end that can."""
    for _ in range(400):
        if run.execution.settled and not run.simulation.held:
            return
        if run.simulation.held:
            run.simulation.release(min(run.simulation.held))
        elif run.state is State.PAUSED:
            run.resume()
            run.simulation.send(on.ReviewGiven(execution_id=run.id, approved=True))
        else:
            run.move(seconds=2)

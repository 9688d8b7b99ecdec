"""A step that cannot be made leaves the execution as it was."""

from __future__ import annotations

import pytest

from batuta import expr
from batuta.engine import events as on
from batuta.engine.draft import Draft
from batuta.engine.ledger import Ledger
from batuta.engine.world import World
from batuta.model.state import State
from batuta.testing.run import Outcome, Run, Simulation
from tests.support.shorthand import flow

GATE = expr.Fact("kv", ("gate", None, True))


def picture(ledger: Ledger) -> tuple[object, ...]:
    figures = {
        (parent, branch): ledger.tally(parent, branch).figures()
        for parent in [None, *ledger.runs]
        for branch in ("tasks", "errors", "finally", "afterExecution")
    }
    return (
        ledger.execution,
        dict(ledger.runs),
        dict(ledger.states),
        dict(ledger.outputs),
        set(ledger.open_leaves),
        set(ledger.open_flowables),
        figures,
    )


def test_a_missing_fact_undoes_a_restart_that_took_runs_away():
    simulation = Simulation(
        flow(
            """
            tasks:
              - Sequential: s
                tasks: [a, {run: b, when: "{{ kv('gate') }}"}]
            errors: [e]
            """
        ),
        given={"b": State.FAILED},
        facts={GATE: "true"},
    )
    run: Run = simulation.start()
    before = picture(run.ledger)
    assert run.runs == {"s": "FAILED", "a": "SUCCESS", "b": "FAILED", "e": "SUCCESS"}

    simulation.facts.clear()
    with pytest.raises(expr.MissingFact):
        simulation.send(on.RestartRequested(execution_id=run.id))

    assert picture(run.ledger) == before
    fresh = Ledger(run.execution, run.ledger.outline, run.ledger.runs.values())
    assert picture(fresh) == before

    simulation.facts[GATE] = "true"
    simulation.given["b"] = State.SUCCESS
    run.restart()
    assert run.runs == {"s": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS"}


def test_a_missing_fact_in_the_middle_of_a_step_undoes_all_of_it():
    simulation = Simulation(
        flow("tasks: [{Parallel: p, tasks: [a, {run: b, when: \"{{ kv('gate') }}\"}]}]"),
        given={"a": State.FAILED},
    )

    with pytest.raises(expr.MissingFact):
        simulation.start()

    ledger = next(iter(simulation.ledgers.values()))
    assert ledger.execution.state.current is State.CREATED
    assert ledger.runs == {}
    assert ledger.states == {}


def test_changes_before_and_after_runs_are_taken_away_are_undone():
    simulation = Simulation(flow("tasks: [{Parallel: p, tasks: [a, b]}]"), given={"b": Outcome(held=True)})
    run = simulation.start()
    before = picture(run.ledger)
    draft = Draft(run.ledger, now=simulation.now, facts=None, world=World())

    draft.move(run.run("b"), State.FAILED, outputs={"x": 1})
    draft.remove([run.run("a")])
    draft.move(run.run("b"), State.RETRYING)
    draft.rollback()

    assert picture(run.ledger) == before

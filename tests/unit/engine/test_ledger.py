"""The indexes of an execution in memory."""

from __future__ import annotations

from batuta.engine.ledger import Ledger
from batuta.model.state import State
from batuta.testing.run import run
from tests.support.shorthand import flow

CHILD = flow("{id: child, tasks: [c]}")


def test_outputs_that_a_run_has_lost_are_seen_no_more():
    done = run(
        flow("tasks: [{Subflow: s, namespace: company.team, flowId: child, restartBehavior: NEW_EXECUTION}]"),
        CHILD,
        given={"c": [State.FAILED]},
    )
    assert done.outputs["s"]["state"] == "FAILED"
    done.simulation.given["c"] = State.SUCCESS
    done.restart()

    fresh = Ledger(done.execution, done.ledger.outline, done.ledger.runs.values())
    assert done.outputs == fresh.outputs


def test_what_is_under_way_has_an_order():
    begun = run(flow("tasks: [{Parallel: p, tasks: [{Sequential: s, tasks: [{Pause: w}]}, {Pause: v}]}]"))

    names = {run_id: each.task_id for run_id, each in begun.ledger.runs.items()}
    assert [names[each] for each in begun.ledger.flowables_under_way()] == ["p", "s", "v"]

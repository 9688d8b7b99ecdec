"""What holds for every rehearsal, whatever the flow."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from batuta import flows
from batuta.model.state import State
from batuta.testing import Rehearsed, rehearse
from batuta.testing.run import run
from batuta.testing.suite_check import is_special
from tests.support.flow_documents import documents

STATES = [State.SUCCESS, State.SUCCESS, State.FAILED, State.WARNING]
"""How tasks with fixtures end, in turn."""


def rehearsed(source: str, ends: dict[str, State]) -> Rehearsed:
    fixtures: list[dict[str, Any]] = [{"id": id, "state": state.value} for id, state in ends.items()]
    return rehearse(source, fixtures={"tasks": fixtures})


def leaves(source: str) -> list[str]:
    """Tasks that have no others inside."""
    return [task.id for task in flows.parse(source).walk() if not task.branches]


@given(documents(), st.lists(st.sampled_from(STATES), min_size=1, max_size=8))
@settings(max_examples=80, deadline=None)
def test_it_ends_and_the_same_again_is_the_same(source, states):
    ends = {id: states[number % len(states)] for number, id in enumerate(leaves(source))}

    first, second = rehearsed(source, ends), rehearsed(source, ends)

    assert first.execution.settled
    assert first.execution == second.execution
    assert list(first.ledger.runs.values()) == list(second.ledger.runs.values())
    assert (first.log, first.duration) == (second.log, second.duration)


@given(documents(), st.lists(st.sampled_from(STATES), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_it_ends_as_with_a_scripted_worker(source, states):
    # Pauses have fixtures in a rehearsal, and wait for somebody in a simulation.
    assume(not any(is_special(task) and not task.branches for task in flows.parse(source).walk()))
    ends = {id: states[number % len(states)] for number, id in enumerate(leaves(source))}

    done, scripted = rehearsed(source, ends), run(source, given=ends)
    scripted.move(hours=1)

    assert (done.state, done.runs) == (scripted.state, scripted.runs)

"""Flows that start each other: how deep that may go."""

from __future__ import annotations

from batuta.model.state import State
from batuta.testing.simulation import Simulation
from tests.support.shorthand import flow


def chain(length: int) -> list[str]:
    """Flows `f0` to the last, each of which runs the next one."""
    links = [
        f"{{id: f{n}, tasks: [{{Subflow: call, namespace: company.team, flowId: f{n + 1}}}]}}"
        for n in range(length)
    ]
    return [flow(each) for each in [*links, f"{{id: f{length}, tasks: [a]}}"]]


def test_sixty_four_levels_are_fine():
    done = Simulation(*chain(64)).start()

    assert done.state is State.SUCCESS


def test_the_next_level_is_refused_and_the_failure_comes_back():
    stage = Simulation(*chain(1000))

    done = stage.start()

    assert done.state is State.FAILED
    assert len(stage.ledgers) == 65
    [refusal] = [line for line in stage.log if "levels deep" in line]
    assert refusal.startswith(
        "ERROR Cannot execute the flow `company.team.f65`: subflows may be nested at most 64 levels deep"
    )


def test_a_circle_ends():
    circle = [
        flow("{id: one, tasks: [{Subflow: call, namespace: company.team, flowId: two}]}"),
        flow("{id: two, tasks: [{Subflow: call, namespace: company.team, flowId: one}]}"),
    ]

    assert Simulation(*circle).start().state is State.FAILED

"""What holds for every flow and every legal sequence of events: ten thousand of each, from seeds."""

from __future__ import annotations

import os

import pytest

from tests.simulation import work
from tests.unit.engine.random_events import Example

EXAMPLES = int(os.environ.get("BATUTA_TEST_EXAMPLES", "10000"))
AT_ONCE = 250
"""Examples of one test: many tests, so that they spread over the cores."""


@pytest.mark.parametrize("first", range(0, EXAMPLES, AT_ONCE), ids=lambda first: f"seeds-from-{first}")
def test_invariants_hold_at_every_step(first):
    with work.registered():
        for seed in range(first, min(first + AT_ONCE, EXAMPLES)):
            try:
                Example(seed).play()
            except Exception as error:
                again = f"python -m tests.unit.engine.again {seed}"
                raise AssertionError(f"seed {seed} (again: {again}): {error}") from error


@pytest.mark.parametrize("first", range(0, EXAMPLES // 20, AT_ONCE), ids=lambda first: f"seeds-from-{first}")
def test_the_same_events_give_the_same_history(first):
    def history(seed):
        world = Example(seed).play()
        return [(each.execution, list(each.runs.values())) for each in world.ledgers.values()]

    with work.registered():
        for seed in range(first, min(first + AT_ONCE, EXAMPLES // 20)):
            assert history(seed) == history(seed), f"seed {seed}"

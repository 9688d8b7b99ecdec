"""A thousand worlds with faults, each from one seed, each without a complaint."""

from __future__ import annotations

import os

import pytest

from tests.simulation.run import simulate

SEEDS = int(os.environ.get("BATUTA_TEST_SEEDS", "1000"))
AT_ONCE = 25
"""Seeds of one test: many tests, so that they spread over the cores."""


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_nothing_is_lost_and_nothing_is_doubled(first):
    for seed in range(first, min(first + AT_ONCE, SEEDS)):
        verdict = simulate(seed)
        again = f"python -m tests.simulation --seed {seed} --verbose"
        assert not verdict.complaints, f"seed {seed} (again: {again}): {verdict.complaints}"

"""The checker can fail: each known bug, switched on alone, is seen within a few seeds."""

from __future__ import annotations

import re

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.run import simulate

MOST_SEEDS = 120


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_known_bug_is_seen(bug):
    seen = []
    with bug.switched_on():
        for seed in range(MOST_SEEDS):
            complaints = simulate(seed).complaints
            if any(re.search(bug.complaint, each) for each in complaints):
                return
            seen += complaints
    pytest.fail(f"nobody saw it within {MOST_SEEDS} seeds; complaints were {seen[:5]}")

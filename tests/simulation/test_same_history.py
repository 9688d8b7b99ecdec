"""The same seed gives the same history, to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.run import simulate

ROOT = Path(__file__).parents[2]
SEEDS = range(5000, 5012)

_PRINT = """
import sys
from tests.simulation.run import simulate
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    print(simulate(seed).history)
"""


def test_a_seed_has_one_history():
    first = [simulate(seed).history for seed in SEEDS]

    assert [simulate(seed).history for seed in SEEDS] == first
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("salt", ["1", "2"])
def test_the_process_does_not_matter(salt):
    """Sets of texts have another order in each process; no history may hang on that."""
    elsewhere = subprocess.run(
        [sys.executable, "-c", _PRINT, str(SEEDS.start), str(SEEDS.stop)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": salt},
        capture_output=True,
        text=True,
        check=True,
    )

    assert elsewhere.stdout.split() == [simulate(seed).history for seed in SEEDS]

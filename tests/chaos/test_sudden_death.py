"""What was accepted survives the death of the process."""

from __future__ import annotations

import pytest
from bench.chaos import chaos


@pytest.mark.timeout(180)
async def test_every_accepted_execution_is_accounted_for_after_kill_9(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    verdict = await chaos(kills=4, executions=60, seed=7)

    assert verdict.problems == []
    assert verdict["accepted"] == verdict["ended"] == 60

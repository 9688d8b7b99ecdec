"""Quotas: how many executions of a flow may be created in each window of time (flow spec §13.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from batuta.engine.quotas import window_start
from batuta.model.state import State
from batuta.testing.simulation import Simulation
from tests.support.shorthand import flow


def starts(quotas: str, count: int, *, every: timedelta = timedelta(seconds=1)) -> list[State]:
    """How executions end that are started one after the other, beginning at midnight."""
    stage = Simulation(flow(f"{{quotas: {quotas}, tasks: [a]}}"))
    states = []
    for _ in range(count):
        states.append(stage.start().state)
        stage.move(every)
    return states


@pytest.mark.parametrize(("behavior", "state"), [("CANCEL", State.CANCELLED), ("FAIL", State.FAILED)])
def test_one_too_many_ends_before_it_has_begun(behavior, state):
    stage = Simulation(flow(f"{{quotas: [{{duration: PT1H, limit: 1, behavior: {behavior}}}], tasks: [a]}}"))
    stage.start()
    stage.move(timedelta(seconds=1))

    refused = stage.start()

    assert refused.state is state
    assert refused.runs == {}
    assert refused.history == ["CREATED", state]
    assert f"Flow company.team.f is {state} due to quota exceeded, 1 execution(s) per PT1H" in stage.log[-1]


def test_the_next_window_has_room_again():
    states = starts("[{duration: PT1M, limit: 2, behavior: CANCEL}]", 8, every=timedelta(seconds=20))

    assert states == [State.SUCCESS, State.SUCCESS, State.CANCELLED] * 2 + [State.SUCCESS] * 2


def test_the_first_exceeded_quota_decides_and_uses_nothing_of_the_others():
    quotas = "[{duration: PT1M, limit: 1, behavior: CANCEL}, {duration: PT1H, limit: 2, behavior: FAIL}]"

    states = starts(quotas, 5, every=timedelta(seconds=30))

    assert states == [State.SUCCESS, State.CANCELLED, State.SUCCESS, State.CANCELLED, State.FAILED]


@pytest.mark.parametrize(
    ("duration", "began"),
    [
        (timedelta(minutes=1), "2026-03-04T15:17:00"),
        (timedelta(hours=1), "2026-03-04T15:00:00"),
        (timedelta(hours=7), "2026-03-04T14:00:00"),
        (timedelta(days=1), "2026-03-04T00:00:00"),
        (timedelta(days=7), "2026-03-02T00:00:00"),
    ],
)
def test_windows_are_aligned_to_utc(duration, began):
    now = datetime(2026, 3, 4, 15, 17, 42, tzinfo=UTC)

    assert window_start(duration, now) == datetime.fromisoformat(began).replace(tzinfo=UTC)

"""Listed dates, conditions on ticks, missed ticks, backfills."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from batuta.timetable import Filtered, Holds, ListedDates, Recover, after_gap, backfill

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(hours):
    return NOON + timedelta(hours=hours)


HOURLY = ListedDates(at(hours) for hours in range(-100, 101))


def test_listed_dates_are_sorted_and_count_once():
    dates = ListedDates([at(3), at(1), at(3)])
    assert dates.next_after(NOON) == at(1)
    assert dates.next_after(at(1)) == at(3)
    assert dates.next_after(at(3)) is None
    assert dates.previous_before(at(3)) == at(1)
    assert dates.previous_before(at(1)) is None


def filtered(holds):
    def end_of_day(tick):
        return tick.replace(hour=0) + timedelta(days=1, microseconds=-1)

    return Filtered(HOURLY, holds, end_of_day)


def test_only_ticks_for_which_the_conditions_hold_count():
    evens = filtered(lambda tick: Holds.YES if tick.hour % 2 == 0 else Holds.NO)
    assert evens.next_after(NOON) == at(2)
    assert evens.previous_before(NOON) == at(-2)


def test_a_day_that_does_not_count_is_left_at_once():
    asked = []

    def holds(tick):
        asked.append(tick)
        return Holds.YES if tick.day == 3 else Holds.NOT_TODAY

    assert filtered(holds).next_after(NOON) == datetime(2026, 3, 3, tzinfo=UTC)
    assert len(asked) == 3


def test_a_search_without_success_stops_at_a_checkpoint(monkeypatch):
    monkeypatch.setattr("batuta.timetable.calendar.MOST_CANDIDATES", 5)
    never = filtered(lambda tick: Holds.NO)
    assert never.next_after(NOON) == at(6)
    assert never.neighbour_after(NOON) is None
    assert never.previous_before(NOON) is None


@pytest.mark.parametrize(
    ("policy", "expected"), [(Recover.ALL, at(-3)), (Recover.LAST, at(0)), (Recover.NONE, at(1))]
)
def test_missed_ticks_are_made_good_as_the_trigger_says(policy, expected):
    assert after_gap(policy, HOURLY, at(-3), at(-4), at(0.5)) == expected


@pytest.mark.parametrize("policy", Recover)
def test_nothing_was_missed_while_the_next_tick_is_to_come(policy):
    assert after_gap(policy, HOURLY, at(1), at(0), at(0.5)) == at(1)


def test_the_last_missed_tick_is_not_run_again_when_it_was_run():
    assert after_gap(Recover.LAST, HOURLY, at(-1), at(0), at(0.5)) == at(1)


def test_a_backfill_has_both_ends():
    assert list(backfill.ticks(HOURLY, at(1), at(3))) == [at(1), at(2), at(3)]
    assert list(backfill.ticks(HOURLY, at(0.5), at(1.5))) == [at(1)]
    assert list(backfill.ticks(HOURLY, at(0.2), at(0.8))) == []

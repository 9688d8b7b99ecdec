# ruff: noqa: DTZ001 - wall-clock times have no zone
"""Cron expressions over wall-clock times."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.timetable import cron

START = datetime(2026, 1, 1)


def ticks(text, count=3, start=START, *, with_seconds=False):
    found = []
    wall = start
    for _ in range(count):
        wall = cron.parse(text, with_seconds=with_seconds).next_after(wall)
        found.append(wall.isoformat(" ", "minutes" if not with_seconds else "seconds"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/15 * * * *", ["2026-01-01 00:15", "2026-01-01 00:30", "2026-01-01 00:45"]),
        ("5-30/5 0 * * *", ["2026-01-01 00:05", "2026-01-01 00:10", "2026-01-01 00:15"]),
        ("0 9 1 * *", ["2026-01-01 09:00", "2026-02-01 09:00", "2026-03-01 09:00"]),
        ("0 9 * * MON-FRI", ["2026-01-01 09:00", "2026-01-02 09:00", "2026-01-05 09:00"]),
        ("0 0 29 FEB *", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("0 0 * * 7", ["2026-01-04 00:00", "2026-01-11 00:00", "2026-01-18 00:00"]),
        ("0 0 * * sat-sun", ["2026-01-03 00:00", "2026-01-04 00:00", "2026-01-10 00:00"]),
        ("0 0 * * 5-0", ["2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00"]),
        ("10/20 0 * * *", ["2026-01-01 00:10", "2026-01-01 00:30", "2026-01-01 00:50"]),
        ("@weekly", ["2026-01-04 00:00", "2026-01-11 00:00", "2026-01-18 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00", "2029-01-01 00:00"]),
        ("@hourly", ["2026-01-01 01:00", "2026-01-01 02:00", "2026-01-01 03:00"]),
    ],
)
def test_an_expression_names_these_times(text, expected):
    assert ticks(text) == expected


def test_two_restricted_day_fields_are_a_union():
    assert ticks("0 0 13 * FRI") == ["2026-01-02 00:00", "2026-01-09 00:00", "2026-01-13 00:00"]


def test_a_step_restricts_a_day_field_as_well():
    assert ticks("0 0 */10 * MON") == ["2026-01-05 00:00", "2026-01-11 00:00", "2026-01-12 00:00"]


def test_with_seconds_they_come_first():
    assert ticks("*/20 30 8 * * *", 4, with_seconds=True) == [
        "2026-01-01 08:30:00",
        "2026-01-01 08:30:20",
        "2026-01-01 08:30:40",
        "2026-01-02 08:30:00",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("* * * *", "it has 4 fields instead of 5"),
        ("0 0 9 * * *", "it has 6 fields instead of 5"),
        ("60 * * * *", "`60` does not fit the field minute, which goes from 0 to 59"),
        ("0 24 * * *", "`24` does not fit the field hour, which goes from 0 to 23"),
        ("0 0 L * *", "`L` does not fit the field day of month, which goes from 1 to 31"),
        ("0 0 ? * *", "`?` does not fit the field day of month, which goes from 1 to 31"),
        ("0 0 * * MON#2", "`MON#2` does not fit the field day of week, which goes from 0 to 7"),
        ("*/0 * * * *", "`*/0` has a step that is not a positive number"),
        ("30-10 * * * *", "`30-10` runs backwards"),
        ("0 0 31 2 *", "it names no day that exists, so it would never tick"),
        ("@reboot", "known nicknames are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"),
        ("", "it has 0 fields instead of 5"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_reason(text, reason):
    with pytest.raises(cron.CronError) as caught:
        cron.parse(text)
    assert str(caught.value) == reason


def _field(low, high):
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.integers(1, 20).map(lambda step: f"*/{step}")
    return st.one_of(
        st.just("*"),
        number.map(str),
        span,
        step,
        st.lists(number, min_size=2, max_size=4).map(lambda numbers: ",".join(map(str, numbers))),
    )


EXPRESSIONS = st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 7)).map(
    " ".join
)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))
def test_a_search_finds_what_trying_every_minute_finds(text, start):
    expression = cron.parse(text)
    found = expression.next_after(start)
    minute = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(2 * 24 * 60):
        if _fits(expression, minute):
            break
        minute += timedelta(minutes=1)
    else:
        assert found > minute - timedelta(minutes=1)
        return
    assert found == minute


def _fits(expression, minute):
    return (
        minute.minute in expression.minutes
        and minute.hour in expression.hours
        and expression.fits(minute.date())
    )


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))
def test_the_way_back_meets_the_same_times(text, start):
    expression = cron.parse(text)
    after = expression.next_after(start)
    before = expression.previous_before(after)
    assert before <= start
    assert expression.next_after(before) == after

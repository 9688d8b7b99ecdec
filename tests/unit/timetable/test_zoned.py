# ruff: noqa: DTZ001 - wall-clock times have no zone
"""Ticks in a time zone, above all around the days on which clocks are changed."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo, available_timezones

import pytest

from batuta.timetable import CronCalendar, cron

ZONES = int(os.environ.get("BATUTA_TEST_ZONES", "10"))
CRONS = int(os.environ.get("BATUTA_TEST_CRONS", "2"))
"""How many zones, and expressions in each, are walked through; 0 takes all zones."""


def calendar(text, zone):
    return CronCalendar(cron.parse(text), ZoneInfo(zone))


def ticks(text, zone, start, count):
    found, instant = [], datetime.fromisoformat(start)
    for _ in range(count):
        instant = calendar(text, zone).next_after(instant)
        found.append(instant.astimezone(ZoneInfo(zone)).strftime("%d %H:%M %z"))
    return found


def test_wall_clock_time_is_kept_when_clocks_change():
    assert ticks("0 9 * * *", "Europe/Paris", "2026-03-28T00:00Z", 2) == ["28 09:00 +0100", "29 09:00 +0200"]


def test_a_time_in_the_gap_is_the_first_instant_after_it():
    assert ticks("30 2 * * *", "Europe/Paris", "2026-03-28T12:00Z", 2) == ["29 03:00 +0200", "30 02:30 +0200"]


def test_several_times_in_the_gap_are_one_tick():
    assert ticks("*/20 * * * *", "Europe/Paris", "2026-03-29T00:39Z", 3) == [
        "29 01:40 +0100",
        "29 03:00 +0200",
        "29 03:20 +0200",
    ]


def test_a_time_that_comes_twice_ticks_the_first_time():
    assert ticks("30 2 * * *", "Europe/Paris", "2026-10-24T12:00Z", 2) == ["25 02:30 +0200", "26 02:30 +0100"]


def test_an_hour_that_comes_twice_ticks_once():
    assert ticks("*/30 * * * *", "Europe/Paris", "2026-10-25T00:00Z", 3) == [
        "25 02:30 +0200",
        "25 03:00 +0100",
        "25 03:30 +0100",
    ]


def test_a_search_may_begin_in_the_hour_that_comes_again():
    paris = calendar("*/30 * * * *", "Europe/Paris")
    again = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert paris.next_after(again) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert paris.previous_before(again) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_half_an_hour_is_a_change_too():
    assert ticks("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00Z", 1) == ["04 02:30 +1100"]


def test_the_notes_say_what_the_clocks_do():
    paris = calendar("30 2 * * *", "Europe/Paris")
    gap = paris.next_after(datetime(2026, 3, 28, 12, tzinfo=UTC))
    twice = paris.next_after(datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert paris.note(gap) == "clocks are set forward by 60 minutes: the first instant after the gap"
    assert paris.note(twice) == (
        "clocks are set back by 60 minutes and this time comes twice: the first one counts"
    )
    assert paris.note(datetime(2026, 6, 1, 0, 30, tzinfo=UTC)) is None


def _zones():
    every = sorted(available_timezones())
    chosen = random.Random(7).sample(every, ZONES) if ZONES else every
    return sorted({*chosen, "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"})


def _expression(chance):
    hour = chance.choice(["*", "0", "1", "2", "3", "*/2", "1-3", str(chance.randrange(24))])
    minutes = ["0", "30", "*/15", "7,37", str(chance.randrange(60))]
    minute = chance.choice(minutes if hour == "*" else [*minutes, "*"])
    day = chance.choice(["*", "*", "*", "1", "*/3"])
    weekday = chance.choice(["*", "*", "*", "0", "MON-FRI"])
    return f"{minute} {hour} {day} * {weekday}"


@pytest.mark.parametrize("zone", _zones())
def test_no_tick_is_missed_or_doubled_over_400_days(zone):
    """Against the policy as written: every wall-clock minute that fits gives one instant."""
    chance = random.Random(zone)
    rules = ZoneInfo(zone)
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(300))
    for _ in range(CRONS):
        text = _expression(chance)
        walked = []
        instant = start
        while (instant := calendar(text, zone).next_after(instant)) < start + timedelta(days=400):
            walked.append(instant)
        assert walked == _by_the_policy(text, rules, start, days=400), text
        backwards = [start + timedelta(days=400)]
        while (before := calendar(text, zone).previous_before(backwards[-1])) > start:
            backwards.append(before)
        assert backwards[:0:-1] == walked, text


def _by_the_policy(text, rules, start, days):
    expression = cron.parse(text)
    first = start.astimezone(rules).date() - timedelta(days=1)
    found = set()
    for day in (first + timedelta(days=number) for number in range(days + 3)):
        if not expression.fits(day):
            continue
        for hour in expression.hours:
            for minute in expression.minutes:
                wall = datetime(day.year, day.month, day.day, hour, minute)
                instant = wall.replace(tzinfo=rules).astimezone(UTC)
                if instant.astimezone(rules).replace(tzinfo=None, fold=0) != wall:
                    # In a gap: walk back to its end, second by second of whole minutes.
                    offset = instant.astimezone(rules).utcoffset()
                    while (instant - timedelta(seconds=60)).astimezone(rules).utcoffset() == offset:
                        instant -= timedelta(seconds=60)
                found.add(instant)
    end = start + timedelta(days=days)
    return sorted(instant for instant in found if start < instant < end)


def test_the_next_date_is_found_within_a_millisecond():
    chance = random.Random(3)
    calendars = [
        calendar(_expression(chance), zone) for zone in ("Europe/Paris", "Asia/Tokyo") for _ in range(50)
    ]
    calendars.append(calendar("0 0 29 2 *", "Europe/Paris"))
    start = datetime(2026, 3, 1, tzinfo=UTC)
    took = []
    for each in calendars:
        begun = perf_counter()
        each.next_after(start)
        took.append(perf_counter() - begun)
    assert sorted(took)[len(took) * 95 // 100] < 0.001

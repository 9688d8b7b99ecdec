"""Weeks of a year and of a month, by the first day of the week and the days that a first week must have."""

from __future__ import annotations

from datetime import date, timedelta


def _first_week(year: int, first_day: int, least_days: int) -> date:
    january = date(year, 1, 1)
    lead = (january.weekday() - first_day) % 7
    start = january - timedelta(days=lead) if year > 1 or lead == 0 else january
    return start if 7 - lead >= least_days else start + timedelta(days=7)


def week_of_year(day: date, first_day: int, least_days: int) -> tuple[int, int]:
    """The week-based year of `day`, and the week in it."""
    year = day.year
    if year < 9999 and day >= _first_week(year + 1, first_day, least_days):
        year += 1
    elif day < _first_week(year, first_day, least_days) and year > 1:
        year -= 1
    return year, (day - _first_week(year, first_day, least_days)).days // 7 + 1


def week_of_month(day: date, first_day: int, least_days: int) -> int:
    """The week of `day` in its month; 0 before the first full enough one."""
    lead = (day.replace(day=1).weekday() - first_day) % 7
    return (day.day + lead - 1) // 7 + (1 if 7 - lead >= least_days else 0)

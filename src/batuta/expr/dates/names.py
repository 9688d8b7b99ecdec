"""Names of months, days and periods: English ones here, those of other locales from Babel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from batuta.expr.errors import EvaluationError

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class Names(NamedTuple):
    """What one locale calls things. Widths are `abbreviated`, `wide`, `narrow`; days begin with Monday."""

    months: dict[str, list[str]]
    standalone_months: dict[str, list[str]]
    days: dict[str, list[str]]
    standalone_days: dict[str, list[str]]
    quarters: dict[str, list[str]]
    eras: dict[str, list[str]]
    halves: tuple[str, str]
    first_day: int
    """The weekday on which a week begins, 0 for Monday."""
    least_days: int
    """Days of the year that the first week must have."""
    locale: str


def _english() -> Names:
    months = {"wide": _MONTHS, "abbreviated": [m[:3] for m in _MONTHS], "narrow": [m[0] for m in _MONTHS]}
    days = {"wide": _DAYS, "abbreviated": [d[:3] for d in _DAYS], "narrow": [d[0] for d in _DAYS]}
    quarters = {
        "wide": ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"],
        "abbreviated": ["Q1", "Q2", "Q3", "Q4"],
        "narrow": ["1", "2", "3", "4"],
    }
    eras = {"wide": ["Before Christ", "Anno Domini"], "abbreviated": ["BC", "AD"], "narrow": ["B", "A"]}
    return Names(months, months, days, days, quarters, eras, ("AM", "PM"), 6, 1, "en_US")


ENGLISH = _english()


@lru_cache(maxsize=50)
def names_of(locale: str) -> Names:
    """The names of `fr`, `fr_FR` or `fr-FR`.

    Raises:
        EvaluationError: no such locale is known.
    """
    if locale in ("en_US", "en-US"):
        return ENGLISH
    found = babel_locale(locale)

    def table(source: Any, count: int, start: int) -> dict[str, list[str]]:
        return {
            width: [source[width][index + start] for index in range(count)]
            for width in source
            if width in WIDTHS
        }

    periods = found.day_periods["format"]
    return Names(
        table(found.months["format"], 12, 1),
        table(found.months["stand-alone"], 12, 1),
        table(found.days["format"], 7, 0),
        table(found.days["stand-alone"], 7, 0),
        table(found.quarters["format"], 4, 1),
        table(found.eras, 2, 0),
        (_half(periods, "am"), _half(periods, "pm")),
        found.first_week_day,
        found.min_week_days,
        str(found),
    )


def _half(periods: Any, name: str) -> str:
    return next(
        (str(periods[width][name]) for width in WIDTHS if name in periods.get(width, {})), name.upper()
    )


WIDTHS = ("abbreviated", "wide", "narrow")


@lru_cache(maxsize=50)
def babel_locale(locale: str) -> Any:
    """Babel's data of a locale."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        raise EvaluationError(
            f"The locale `{locale[:40]}` is unknown", expected="such as `fr` or `fr_FR`"
        ) from None


_PERIODS = (
    (0, 6, "at night"),
    (6, 12, "in the morning"),
    (12, 18, "in the afternoon"),
    (18, 21, "in the evening"),
)


def period_of_day(hour: int, minute: int, names: Names) -> str:
    """`in the morning`, `noon`, ... in the language of `names`."""
    if names.locale.startswith("en"):
        if minute == 0 and hour in (0, 12):
            return "noon" if hour else "midnight"
        return next((text for start, end, text in _PERIODS if start <= hour < end), "at night")
    from datetime import time

    from babel.dates import get_period_id

    locale = babel_locale(names.locale)
    periods = locale.day_periods["format"]
    key = get_period_id(time(hour, minute), locale=locale)
    return str(periods["abbreviated"].get(key) or periods["wide"].get(key) or names.halves[hour >= 12])


_NUMERIC_ZONES = {
    "America/Sao_Paulo": "BRT",
    "America/Argentina/Buenos_Aires": "ART",
    "America/Bogota": "COT",
    "America/Lima": "PET",
    "America/Caracas": "VET",
    "America/Montevideo": "UYT",
    "Asia/Dubai": "GST",
    "Asia/Singapore": "SGT",
    "Asia/Kathmandu": "NPT",
    "Asia/Bangkok": "ICT",
    "Asia/Ho_Chi_Minh": "ICT",
    "Asia/Kuala_Lumpur": "MYT",
    "Asia/Riyadh": "AST",
    "Asia/Tehran": "IRST",
    "Asia/Tashkent": "UZT",
    "Asia/Colombo": "IST",
    "Asia/Dhaka": "BST",
    "Europe/Istanbul": "TRT",
}
"""Short names that the reference's data has and the zone database writes as digits."""


_OLD_NAMES = {
    "America/Argentina/Buenos_Aires": "America/Buenos_Aires",
    "Asia/Ho_Chi_Minh": "Asia/Saigon",
    "Asia/Kathmandu": "Asia/Katmandu",
    "Asia/Kolkata": "Asia/Calcutta",
    "Asia/Yangon": "Asia/Rangoon",
    "Europe/Kyiv": "Europe/Kiev",
}
"""Names under which the locale data knows a zone."""


def zone_name(moment: Any, *, full: bool, locale: str) -> str:
    """`CEST`, or `Central European Summer Time`; the identifier of a zone that is only an offset."""
    zone = moment.zone
    if zone.id in ("UTC", "GMT", "UT"):
        if not full:
            return str(zone.id)
        return "Greenwich Mean Time" if zone.id == "GMT" else "Coordinated Universal Time"
    if zone.fixed is not None:
        return str(zone.id)
    aware = moment.local.replace(tzinfo=zone.rules)
    if int((aware.utcoffset() or aware.utcoffset()).total_seconds()) != moment.offset:
        aware = aware.replace(fold=1)
    short = str(aware.tzname() or zone.id)
    if not full:
        return str(_NUMERIC_ZONES.get(zone.id, zone.id)) if short[0] in "+-" else short
    from zoneinfo import ZoneInfo

    from babel.dates import get_timezone_name

    if zone.id in _OLD_NAMES:
        aware = aware.replace(tzinfo=ZoneInfo(_OLD_NAMES[zone.id]))
    return str(get_timezone_name(aware, width="long", locale=babel_locale(locale)))

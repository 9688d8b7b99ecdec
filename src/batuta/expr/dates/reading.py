"""Text to dates: ISO forms, and any pattern that can be written (expression spec §11)."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from batuta.expr.dates import moment as moments
from batuta.expr.dates.layout import PATTERNS, read_layout
from batuta.expr.dates.moment import Moment
from batuta.expr.dates.names import ENGLISH, Names, names_of
from batuta.expr.dates.zones import Zone, offset_seconds, zone_of
from batuta.expr.errors import EvaluationError

_MOST_TEXT = 200
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt](\d{2}):(\d{2})(?::(\d{2})(?:[.](\d{0,9}))?)?"
    r"([Zz]|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?(?:\[([^\]]+)\])?)?",
    re.ASCII,
)
_ORDINAL = re.compile(r"(\d{4})-(\d{3})([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII)
_WEEK_DATE = re.compile(r"(\d{4})-W(\d{2})-([1-7])([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII)
_OFFSET_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
_RFC_1123 = re.compile(
    r"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d{1,2}) (\w{3}) (\d{4}) "
    r"(\d{2}):(\d{2})(?::(\d{2}))? (GMT|[+-]\d{4})",
    re.ASCII | re.IGNORECASE,
)


def read(text: str, existing_format: str | None, zone: Zone, locale: str) -> Moment:
    """The moment that `text` says; local forms are in `zone`.

    Raises:
        EvaluationError: the text is not a date, or not in the format.
    """
    if len(text) > _MOST_TEXT:
        raise _unreadable(text[:_MOST_TEXT], existing_format)
    try:
        if existing_format is None:
            return read_iso(text, zone)
        named = _NAMED.get(existing_format)
        if named is not None:
            found: Moment = named(text, zone)
            return found
        return _by_pattern(text, PATTERNS.get(existing_format, existing_format), zone, names_of(locale))
    except (ValueError, OverflowError):
        raise _unreadable(text, existing_format) from None


def _unreadable(text: str, existing_format: str | None) -> EvaluationError:
    expected = (
        f"a date as `{existing_format}`"
        if existing_format
        else "such as `2024-05-06T07:08:09Z` or `2024-05-06`"
    )
    return EvaluationError("The text is not a date", expected=expected, seen=[text])


def read_iso(text: str, zone: Zone) -> Moment:
    """ISO date-time with or without offset, or ISO date (midnight).

    Raises:
        ValueError: the text is none of them.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(text)
    hour = int(match[4] or 0)
    local = datetime(  # noqa: DTZ001
        int(match[1]), int(match[2]), int(match[3]), hour, int(match[5] or 0), int(match[6] or 0)
    )
    nano = int((match[7] or "").ljust(9, "0"))
    if match[8]:
        seconds = offset_seconds(match[8])
        if seconds is None:
            raise ValueError(text)
        found = moments.at_offset(local, nano, seconds)
        return moments.in_zone(found, zone_of(match[9])) if match[9] else found
    if match[9]:
        return moments.at_local(local, nano, zone_of(match[9]))
    return moments.at_local(local, nano, zone)


def _rfc_1123(text: str, zone: Zone) -> Moment:
    match = _RFC_1123.fullmatch(text)
    if match is None:
        raise ValueError(text)
    month = ENGLISH.months["abbreviated"].index(match[3].title()) + 1
    day = date(int(match[4]), month, int(match[2]))
    if match[1] and ENGLISH.days["abbreviated"][day.weekday()] != match[1].title():
        raise ValueError(text)
    local = datetime(day.year, day.month, day.day, int(match[5]), int(match[6]), int(match[7] or 0))  # noqa: DTZ001
    return moments.at_offset(local, 0, 0 if match[8].upper() == "GMT" else offset_seconds(match[8]) or 0)


def _midnight(day: date, zone: Zone) -> Moment:
    return moments.at_local(datetime(day.year, day.month, day.day), 0, zone)  # noqa: DTZ001


def _iso_ordinal(text: str, zone: Zone) -> Moment:
    match = _ORDINAL.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 366:
        raise ValueError(text)
    return _midnight(date(int(match[1]), 1, 1) + timedelta(days=int(match[2]) - 1), zone)


def _iso_week(text: str, zone: Zone) -> Moment:
    match = _WEEK_DATE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return _midnight(date.fromisocalendar(int(match[1]), int(match[2]), int(match[3])), zone)


def _iso_date(text: str, zone: Zone) -> Moment:
    match = _OFFSET_DATE.fullmatch(text)
    if match:
        return _midnight(date(int(match[1]), int(match[2]), int(match[3])), zone)
    if "T" in text:
        raise ValueError(text)
    return read_iso(text, zone)


def _no_date(text: str, zone: Zone) -> Moment:
    raise ValueError(text)


_NAMED: dict[str, Any] = {
    **dict.fromkeys(
        (
            "iso_date_time",
            "iso_zoned_date_time",
            "iso_offset_date_time",
            "iso_local_date_time",
            "iso_instant",
        ),
        read_iso,
    ),
    **dict.fromkeys(("iso_date", "iso_local_date", "iso_offset_date"), _iso_date),
    **dict.fromkeys(("iso_time", "iso_local_time", "iso_offset_time"), _no_date),
    "iso_ordinal_date": _iso_ordinal,
    "iso_week_date": _iso_week,
    "rfc_1123_date_time": _rfc_1123,
}


# Patterns


class Reader(NamedTuple):
    """A pattern as a regular expression; `fields` says what each group is."""

    expression: Any
    fields: tuple[tuple[str, int], ...]


def _names(values: list[str]) -> str:
    return "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))


def _field(letter: str, width: int, names: Names) -> str:
    """The expression that matches one field of a pattern."""
    if letter in "uy":
        return r"\d{2}" if width == 2 else rf"\d{{{width},{9 if width >= 4 else 19}}}"
    if letter in "ML" and width > 2:
        table = names.standalone_months if letter == "L" else names.months
        return _names(table["wide" if width == 4 else "narrow" if width == 5 else "abbreviated"])
    if letter == "E" or (letter in "ec" and width > 2):
        return _names(names.days["wide" if width == 4 else "narrow" if width == 5 else "abbreviated"])
    if letter == "a":
        return _names(list(names.halves))
    if letter == "G":
        return _names(names.eras["wide" if width == 4 else "narrow" if width == 5 else "abbreviated"])
    if letter in "dMLhHkKmsDQq" and width <= 3:
        return rf"\d{{1,{3 if letter == 'D' else 2}}}" if width == 1 else rf"\d{{{width}}}"
    if letter == "S":
        return rf"\d{{{width}}}"
    if letter in "AnN":
        return rf"\d{{{width},19}}"
    if letter in "XxZ":
        return r"Z|GMT(?:[+-]\d{2}:?\d{2})?|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?"
    if letter == "O":
        return r"GMT(?:[+-]\d{1,2}(?::\d{2}(?::\d{2})?)?)?"
    if letter in "Vz":
        return r"[A-Za-z][A-Za-z0-9_+\-/:]*|[+-]\d{2}(?::?\d{2})?"
    raise EvaluationError(f"The letter `{letter}` cannot be read from a text")


@lru_cache(maxsize=200)
def _reader(pattern: str, locale: str) -> Reader:
    import re2

    names = names_of(locale)
    fields: list[tuple[str, int]] = []
    pieces: list[str] = []
    depth = 0
    for part in read_layout(pattern):
        if part.letter == "'":
            pieces.append(re2.escape(part.text))
        elif part.letter == "[":
            depth += 1
            pieces.append("(?:")
        elif part.letter == "]":
            depth -= 1
            pieces.append(")?")
        else:
            pieces.append((" *" if part.pad else "") + f"({_field(part.letter, part.width, names)})")
            fields.append((part.letter, part.width))
    return Reader(re2.compile("".join(pieces) + ")?" * depth), tuple(fields))


def _by_pattern(text: str, pattern: str, zone: Zone, names: Names) -> Moment:
    reader = _reader(pattern, names.locale)
    match = reader.expression.fullmatch(text)
    if match is None:
        raise ValueError(text)
    found: dict[str, Any] = {}
    for (letter, width), value in zip(reader.fields, match.groups(), strict=True):
        if value is None:
            continue
        key, meaning = _meaning(letter, width, value, names)
        if found.setdefault(key, meaning) != meaning:
            raise ValueError(text)
    return _resolve(found, zone)


def _meaning(letter: str, width: int, value: str, names: Names) -> tuple[str, Any]:
    if letter in "uy":
        return "year", int(value) + 2000 if width == 2 else int(value)
    if letter in "ML":
        if width <= 2:
            return "month", int(value)
        table = names.standalone_months if letter == "L" else names.months
        return "month", table["wide" if width == 4 else "narrow" if width == 5 else "abbreviated"].index(
            value
        ) + 1
    if letter in "Eec" and not value.isdigit():
        return "weekday", names.days[
            "wide" if width == 4 else "narrow" if width == 5 else "abbreviated"
        ].index(value)
    if letter == "a":
        return "half", names.halves.index(value)
    if letter == "S":
        return "nano", int(value.ljust(9, "0"))
    if letter in "XxZ":
        return "offset", _offset(value)
    if letter == "O":
        return "offset", _offset(value)
    if letter in "Vz":
        return "zone", _ZONE_NAMES.get(value, value)
    if letter == "n":
        return "nano", int(value)
    return letter, int(value) if value.isdigit() else value


_ZONE_NAMES = {
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "BST": "Europe/London",
    "JST": "Asia/Tokyo",
}


def _offset(value: str) -> int:
    text = value[3:] if value.startswith("GMT") else value
    if not text:
        return 0
    seconds = offset_seconds(text)
    if seconds is None:
        raise ValueError(value)
    return seconds


def _resolve(found: dict[str, Any], zone: Zone) -> Moment:
    day = _day(found)
    if "weekday" in found and day.weekday() != found["weekday"]:
        raise ValueError("the day of the week is another")
    clock = _clock(found)
    if clock is None:
        return _midnight(day, zone)
    seconds, nano = clock
    local = datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)  # noqa: DTZ001
    if "offset" in found:
        return moments.at_offset(local, nano, found["offset"])
    return moments.at_local(local, nano, zone_of(found["zone"]) if "zone" in found else zone)


def _day(found: dict[str, Any]) -> date:
    if "year" not in found:
        raise ValueError("no year")
    year = found["year"]
    if "D" in found and "month" not in found:
        day = date(year, 1, 1) + timedelta(days=found["D"] - 1)
        if day.year != year or found["D"] < 1:
            raise ValueError("no such day of the year")
        return day
    if "month" not in found or "d" not in found:
        raise ValueError("no full date")
    if not 1 <= found["d"] <= 31 or not 1 <= found["month"] <= 12:
        raise ValueError("no such day")
    # As the reference does with patterns: 31 in a shorter month is its last day.
    return date(year, found["month"], min(found["d"], monthrange(year, found["month"])[1]))


def _clock(found: dict[str, Any]) -> tuple[int, int] | None:
    """Seconds and nanoseconds of the day, or None when the text has no time."""
    if "N" in found:
        return divmod(_within(found["N"], 86_400_000_000_000), 1_000_000_000)
    if "A" in found:
        seconds, milli = divmod(_within(found["A"], 86_400_000), 1000)
        return seconds, milli * 1_000_000
    hour = None
    if "H" in found:
        if found["H"] == 24 and not any(found.get(key) for key in ("m", "s", "nano")):
            return 86_400, 0
        hour = _within(found["H"], 24)
    elif "k" in found:
        hour = _within(found["k"] % 24 if found["k"] <= 24 else 99, 24)
    elif "half" in found and ("h" in found or "K" in found):
        twelve = found["h"] % 12 if "h" in found and 1 <= found["h"] <= 12 else found.get("K", 99)
        hour = _within(twelve, 12) + 12 * found["half"]
    if hour is None or ("s" in found and "m" not in found):
        return None
    return hour * 3600 + _within(found.get("m", 0), 60) * 60 + _within(found.get("s", 0), 60), found.get(
        "nano", 0
    )


def _within(value: int, most: int) -> int:
    if not 0 <= value < most:
        raise ValueError(value)
    return value

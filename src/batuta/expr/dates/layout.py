"""Dates to text by pattern letters, and the formats that have a name (expression spec §11)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from batuta.expr.dates.moment import Moment, at_epoch
from batuta.expr.dates.names import Names, babel_locale, period_of_day, zone_name
from batuta.expr.dates.weeks import week_of_month, week_of_year
from batuta.expr.dates.zones import UTC, offset_text
from batuta.expr.errors import EvaluationError

_MOST_PATTERN = 200


class Part(NamedTuple):
    """A piece of a pattern: letter and width, or a literal with letter `'`, or `[` and `]`."""

    letter: str
    width: int
    text: str
    pad: int = 0


_WIDTHS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys("uyY", tuple(range(1, 20))),
    **dict.fromkeys("GELQqM", (1, 2, 3, 4, 5)),
    **dict.fromkeys("XxZ", (1, 2, 3, 4, 5)),
    **dict.fromkeys("wdhHkKms", (1, 2)),
    **dict.fromkeys("WFa", (1,)),
    "D": (1, 2, 3),
    "e": (1, 2, 3, 4, 5),
    "c": (1, 3, 4, 5),
    "S": tuple(range(1, 10)),
    **dict.fromkeys("AnN", tuple(range(1, 20))),
    "g": tuple(range(1, 20)),
    "V": (2,),
    "v": (1, 4),
    "z": (1, 2, 3, 4),
    "O": (1, 4),
    "B": (1, 4, 5),
}
"""The widths that each letter may have."""


@lru_cache(maxsize=500)
def read_layout(pattern: str) -> tuple[Part, ...]:
    """Take a pattern apart.

    Raises:
        EvaluationError: a letter is unknown, or has a width that it cannot have.
    """
    if len(pattern) > _MOST_PATTERN:
        raise EvaluationError(f"A date pattern of more than {_MOST_PATTERN} characters")
    parts: list[Part] = []
    index = depth = pad = 0
    while index < len(pattern):
        char = pattern[index]
        if char == "'":
            text, index = _quoted(pattern, index)
            parts.append(Part("'", 0, text, pad))
            pad = 0
        elif char.isascii() and char.isalpha():
            width = len(pattern) - index - len(pattern[index:].lstrip(char))
            index += width
            if char == "p":
                pad = width
                if not (pattern[index : index + 1].isascii() and pattern[index : index + 1].isalpha()):
                    raise _malformed(pattern, "`p` must be followed by a letter")
                continue
            if char not in _WIDTHS:
                raise _malformed(pattern, f"the letter `{char}` is unknown")
            if width not in _WIDTHS[char]:
                raise _malformed(pattern, f"`{char * width}` has a wrong number of letters")
            parts.append(Part(char, width, "", pad))
            pad = 0
        else:
            if char in "{}#":
                raise _malformed(pattern, f"`{char}` is reserved")
            if char == "[":
                depth += 1
            elif char == "]":
                depth -= 1
                if depth < 0:
                    raise _malformed(pattern, "`]` without `[`")
            parts.append(Part(char if char in "[]" else "'", 0, char))
            index += 1
    return tuple(parts)


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    """The literal that begins with a quote at `start`, and the place after it."""
    if pattern[start + 1 : start + 2] == "'":
        return "'", start + 2
    text, index = "", start + 1
    while index < len(pattern):
        if pattern[index] == "'":
            if pattern[index + 1 : index + 2] != "'":
                return text, index + 1
            index += 1
        text += pattern[index]
        index += 1
    raise _malformed(pattern, "a quote is not closed")


def _malformed(pattern: str, reason: str) -> EvaluationError:
    return EvaluationError(f"The date pattern is malformed: {reason}", seen=[pattern])


def by_pattern(moment: Moment, pattern: str, names: Names) -> str:
    """`moment` written by pattern letters."""
    pieces = []
    for part in read_layout(pattern):
        if part.letter == "'":
            piece = part.text
        elif part.letter in "[]":
            continue
        else:
            piece = _FIELDS[part.letter](moment, part.width, names)
        if part.pad:
            if len(piece) > part.pad:
                raise EvaluationError("A date does not fit the width of its pattern", seen=[pattern])
            piece = piece.rjust(part.pad)
        pieces.append(piece)
    return "".join(pieces)


def _number(value: int, width: int) -> str:
    text = str(abs(value)).rjust(width, "0")
    return "-" + text if value < 0 else text


def _limited(get: Callable[[Moment], int]) -> Callable[[Moment, int, Names], str]:
    return lambda moment, width, names: _number(get(moment), width)


def _year(value: int, width: int) -> str:
    if width == 2:
        return f"{value % 100:02d}"
    return _number(value, width)


_TEXT_WIDTHS = {1: "abbreviated", 2: "abbreviated", 3: "abbreviated", 4: "wide", 5: "narrow"}


def _month(moment: Moment, width: int, names: Names, *, standalone: bool = False) -> str:
    if width <= 2:
        return _number(moment.local.month, width)
    table = names.standalone_months if standalone else names.months
    return table[_TEXT_WIDTHS[width]][moment.local.month - 1]


def _quarter(moment: Moment, width: int, names: Names) -> str:
    quarter = (moment.local.month + 2) // 3
    return _number(quarter, width) if width <= 2 else names.quarters[_TEXT_WIDTHS[width]][quarter - 1]


def _weekday(moment: Moment, width: int, names: Names) -> str:
    return names.days[_TEXT_WIDTHS[width]][moment.local.weekday()]


def _local_weekday(moment: Moment, width: int, names: Names) -> str:
    if width <= 2:
        return _number((moment.local.weekday() - names.first_day) % 7 + 1, width)
    return names.days[_TEXT_WIDTHS[width]][moment.local.weekday()]


def _standalone_weekday(moment: Moment, width: int, names: Names) -> str:
    if width == 1:
        return _local_weekday(moment, 1, names)
    return names.standalone_days[_TEXT_WIDTHS[width]][moment.local.weekday()]


def _second_of_day(moment: Moment) -> int:
    return moment.local.hour * 3600 + moment.local.minute * 60 + moment.local.second


def _offset_field(moment: Moment, width: int, *, zero: str) -> str:
    seconds = moment.offset
    if seconds == 0 and zero:
        return zero
    sign, size = ("-", -seconds) if seconds < 0 else ("+", seconds)
    hours, minutes, rest = f"{size // 3600:02d}", f"{size // 60 % 60:02d}", f"{size % 60:02d}"
    if width == 1:
        return sign + hours + (minutes if size // 60 % 60 else "")
    mark = ":" if width in (3, 5) else ""
    text = sign + hours + mark + minutes
    return text + (mark + rest if width >= 4 and size % 60 else "")


def _zulu_offset(moment: Moment, width: int, names: Names) -> str:
    if width <= 3:
        return _offset_field(moment, 2, zero="") if moment.offset else "+0000"
    if width == 4:
        return _gmt_offset(moment, 4, names)
    return _offset_field(moment, 5, zero="Z")


def _gmt_offset(moment: Moment, width: int, names: Names) -> str:
    seconds = moment.offset
    if seconds == 0:
        return "GMT"
    sign, size = ("-", -seconds) if seconds < 0 else ("+", seconds)
    hours, minutes, rest = size // 3600, size // 60 % 60, size % 60
    if width == 4:
        return f"GMT{sign}{hours:02d}:{minutes:02d}" + (f":{rest:02d}" if rest else "")
    return (
        f"GMT{sign}{hours}"
        + (f":{minutes:02d}" if minutes or rest else "")
        + (f":{rest:02d}" if rest else "")
    )


_FIELDS: dict[str, Callable[[Moment, int, Names], str]] = {
    "G": lambda moment, width, names: names.eras[_TEXT_WIDTHS[width]][1],
    "u": lambda moment, width, names: _year(moment.local.year, width),
    "y": lambda moment, width, names: _year(moment.local.year, width),
    "Y": lambda moment, width, names: _year(
        week_of_year(moment.local.date(), names.first_day, names.least_days)[0], width
    ),
    "M": _month,
    "L": lambda moment, width, names: _month(moment, width, names, standalone=True),
    "Q": _quarter,
    "q": _quarter,
    "d": _limited(lambda moment: moment.local.day),
    "D": _limited(lambda moment: moment.local.timetuple().tm_yday),
    "F": _limited(lambda moment: (moment.local.day - 1) % 7 + 1),
    "g": _limited(lambda moment: moment.local.toordinal() - 678576),
    "w": lambda moment, width, names: _number(
        week_of_year(moment.local.date(), names.first_day, names.least_days)[1], width
    ),
    "W": lambda moment, width, names: _number(
        week_of_month(moment.local.date(), names.first_day, names.least_days), width
    ),
    "E": _weekday,
    "e": _local_weekday,
    "c": _standalone_weekday,
    "a": lambda moment, width, names: names.halves[moment.local.hour >= 12],
    "B": lambda moment, width, names: period_of_day(moment.local.hour, moment.local.minute, names),
    "h": _limited(lambda moment: (moment.local.hour - 1) % 12 + 1),
    "K": _limited(lambda moment: moment.local.hour % 12),
    "H": _limited(lambda moment: moment.local.hour),
    "k": _limited(lambda moment: (moment.local.hour - 1) % 24 + 1),
    "m": _limited(lambda moment: moment.local.minute),
    "s": _limited(lambda moment: moment.local.second),
    "S": lambda moment, width, names: f"{moment.nano:09d}"[:width],
    "A": _limited(lambda moment: _second_of_day(moment) * 1000 + moment.nano // 1_000_000),
    "n": _limited(lambda moment: moment.nano),
    "N": _limited(lambda moment: _second_of_day(moment) * 1_000_000_000 + moment.nano),
    "V": lambda moment, width, names: moment.zone.id,
    "v": lambda moment, width, names: zone_name(moment, full=width == 4, locale=names.locale),
    "z": lambda moment, width, names: zone_name(moment, full=width == 4, locale=names.locale),
    "O": _gmt_offset,
    "X": lambda moment, width, names: _offset_field(moment, width, zero="Z"),
    "x": lambda moment, width, names: _offset_field(
        moment, width, zero=("+00", "+0000", "+00:00", "+0000", "+00:00")[width - 1]
    ),
    "Z": _zulu_offset,
}


# Formats that have a name

PATTERNS = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "iso_milli": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_milli": "yyyy-MM-dd HH:mm:ss.SSS",
    "sql_sec": "yyyy-MM-dd HH:mm:ss",
    "sql_seq": "yyyy-MM-dd HH:mm:ss",
}
"""Names that stand for a pattern."""


def _date(moment: Moment) -> str:
    return f"{moment.local.year:04d}-{moment.local.month:02d}-{moment.local.day:02d}"


def _time(moment: Moment) -> str:
    fraction = f".{moment.nano:09d}".rstrip("0") if moment.nano else ""
    return f"{moment.local.hour:02d}:{moment.local.minute:02d}:{moment.local.second:02d}{fraction}"


def _offset(moment: Moment) -> str:
    return offset_text(moment.offset)


def _zoned(moment: Moment) -> str:
    shown = f"{_date(moment)}T{_time(moment)}{_offset(moment)}"
    is_offset = moment.zone.fixed is not None and moment.zone.id == _offset(moment)
    return shown if is_offset else f"{shown}[{moment.zone.id}]"


def _instant(moment: Moment) -> str:
    utc = at_epoch(moment.nanos(), UTC)
    fraction = f"{utc.nano:09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    clock = f"{utc.local.hour:02d}:{utc.local.minute:02d}:{utc.local.second:02d}"
    return f"{_date(utc)}T{clock}{'.' + fraction if fraction else ''}Z"


def _week_date(moment: Moment) -> str:
    year, week, day = moment.local.isocalendar()
    return f"{year:04d}-W{week:02d}-{day}{_offset(moment)}"


def _rfc_1123(moment: Moment) -> str:
    from batuta.expr.dates.names import ENGLISH

    local = moment.local
    day, month = ENGLISH.days["abbreviated"][local.weekday()], ENGLISH.months["abbreviated"][local.month - 1]
    offset = offset_text(moment.offset, colon=False, zero="GMT")
    clock = f"{local.hour:02d}:{local.minute:02d}:{local.second:02d}"
    return f"{day}, {local.day} {month} {local.year:04d} {clock} {offset}"


NAMED: dict[str, Callable[[Moment], str]] = {
    "iso_date_time": _zoned,
    "iso_zoned_date_time": _zoned,
    "iso_offset_date_time": lambda moment: f"{_date(moment)}T{_time(moment)}{_offset(moment)}",
    "iso_local_date_time": lambda moment: f"{_date(moment)}T{_time(moment)}",
    "iso_local_date": _date,
    "iso_local_time": _time,
    "iso_offset_date": lambda moment: _date(moment) + _offset(moment),
    "iso_date": lambda moment: _date(moment) + _offset(moment),
    "iso_time": lambda moment: _time(moment) + _offset(moment),
    "iso_offset_time": lambda moment: _time(moment) + _offset(moment),
    "iso_instant": _instant,
    "iso_ordinal_date": lambda moment: (
        f"{moment.local.year:04d}-{moment.local.timetuple().tm_yday:03d}{_offset(moment)}"
    ),
    "iso_week_date": _week_date,
    "basic_iso_date": lambda moment: _date(moment).replace("-", "") + offset_text(moment.offset, colon=False),
    "rfc_1123_date_time": _rfc_1123,
}
"""Names that stand for a rule of their own."""

_ENGLISH_STYLES = {
    "full": "EEEE, MMMM d, y 'at' h:mm:ss a zzzz",
    "long": "MMMM d, y 'at' h:mm:ss a z",
    "medium": "MMM d, y, h:mm:ss a",
    "short": "M/d/yy, h:mm a",
}


def write(moment: Moment, format: str, names: Names) -> str:
    """`moment` in a named format or by a pattern.

    Raises:
        EvaluationError: the pattern is malformed.
    """
    named = NAMED.get(format)
    if named is not None:
        return named(moment)
    if format in _ENGLISH_STYLES:
        return by_pattern(moment, _style(format, names), names)
    return by_pattern(moment, PATTERNS.get(format, format), names)


@lru_cache(maxsize=200)
def _style_pattern(style: str, locale: str) -> str:
    found = babel_locale(locale)
    joined = str(found.datetime_formats[style])
    return (
        joined.replace("{1}", found.date_formats[style].pattern)
        .replace("{0}", found.time_formats[style].pattern)
        .replace("\u202f", " ")
    )


def _style(style: str, names: Names) -> str:
    if names.locale in ("en_US", "en"):
        return _ENGLISH_STYLES[style]
    return _style_pattern(style, names.locale)

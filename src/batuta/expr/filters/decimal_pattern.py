"""Number patterns such as `#,##0.00;(#)`: read once, then applied with exact decimal arithmetic.

The rules are those of the reference's `DecimalFormat`: halves go to the even digit of the number's exact
value, `%` multiplies by a hundred, `E` gives scientific notation with the exponent a multiple of the integer
digits when there are more `#` than zeros.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.kinds import Float
from batuta.expr.printing import double_text, float_text

_MOST_PATTERN = 1000
_MOST_DIGITS = 2000
_CONTEXT = Context(prec=2 * _MOST_DIGITS, rounding=ROUND_HALF_EVEN)


class Symbols(NamedTuple):
    """The signs of a locale."""

    point: str = "."
    group: str = ","
    minus: str = "-"
    percent: str = "%"
    exponent: str = "E"
    currency: str = "$"


class Pattern(NamedTuple):
    """A pattern taken apart."""

    prefix: str
    suffix: str
    negative_prefix: str | None
    negative_suffix: str
    least_integer: int
    most_integer: int
    least_fraction: int
    most_fraction: int
    grouping: int
    exponent_digits: int
    multiplier: int
    shows_point: bool


def format_number(value: Any, pattern: str, locale: str) -> str:
    """`value` by `pattern`, with the signs of `locale`."""
    if len(pattern) > _MOST_PATTERN:
        raise EvaluationError(f"A number pattern of more than {_MOST_PATTERN} characters")
    parts, symbols = read_pattern(pattern), symbols_of(locale)
    if isinstance(value, float) and (value != value or math.isinf(value)):
        if value != value:
            return "NaN"
        return _affixed("∞", value < 0, parts, symbols)
    negative, exact, shortest = _take_apart(value, parts.multiplier)
    if exact.adjusted() > _MOST_DIGITS or -exact.adjusted() > _MOST_DIGITS * 5:
        raise LimitError(f"A number of more than {_MOST_DIGITS} digits")
    if parts.exponent_digits:
        body = _scientific(exact, parts, symbols)
    else:
        # Digits that the shortest form does not have are zeros, not those of the binary value.
        enough = -int(shortest.as_tuple().exponent) <= parts.most_fraction
        body = _plain(shortest if enough else exact, parts, symbols)
    return _affixed(body, negative, parts, symbols)


def _take_apart(value: Any, multiplier: int) -> tuple[bool, Decimal, Decimal]:
    if isinstance(value, float):
        scaled = value * multiplier if multiplier != 1 else value
        negative = math.copysign(1.0, scaled) < 0
        magnitude = abs(scaled)
        digits = (
            float_text(Float(magnitude))
            if type(value) is Float and multiplier == 1
            else double_text(magnitude)
        )
        return negative, Decimal(float(magnitude)), Decimal(digits)
    size = abs(Decimal(value)) * multiplier
    return value < 0, size, size


def _plain(exact: Decimal, parts: Pattern, symbols: Symbols) -> str:
    rounded = exact.quantize(Decimal((0, (1,), -parts.most_fraction)), context=_CONTEXT)
    whole, _, fraction = format(rounded, "f").partition(".")
    whole = whole.lstrip("0").rjust(parts.least_integer, "0")
    if parts.most_integer < len(whole):
        whole = whole[len(whole) - parts.most_integer :]
    fraction = fraction.rstrip("0").ljust(parts.least_fraction, "0")
    if not whole and not fraction:
        whole = "0"
    if parts.grouping:
        groups = []
        while len(whole) > parts.grouping:
            groups.append(whole[-parts.grouping :])
            whole = whole[: -parts.grouping]
        whole = symbols.group.join([whole, *reversed(groups)])
    return whole + (symbols.point + fraction if fraction or parts.shows_point else "")


def _scientific(exact: Decimal, parts: Pattern, symbols: Symbols) -> str:
    repeats = parts.most_integer > parts.least_integer and parts.most_integer > 1
    power = exact.adjusted() if exact else 0
    if repeats:
        shift = power // parts.most_integer * parts.most_integer
        # Significant digits count from the left, wherever the point falls.
        significant = parts.most_integer + parts.most_fraction
        places = significant - (power - shift + 1)
        least_integer = 1
    else:
        least_integer = parts.least_integer
        shift = power - (least_integer - 1) if least_integer or parts.most_fraction else power
        if not least_integer:
            shift = power + 1
        places = parts.most_fraction
    if exact:
        mantissa = exact.scaleb(-shift, context=_CONTEXT)
        rounded = mantissa.quantize(Decimal((0, (1,), -places)), context=_CONTEXT)
        if rounded and rounded.adjusted() > mantissa.adjusted():
            return _scientific(rounded.scaleb(shift, context=_CONTEXT), parts, symbols)
    else:
        rounded, shift = Decimal(0), 0
    whole, _, fraction = format(rounded, "f").partition(".")
    whole = whole.lstrip("0").rjust(least_integer, "0")
    fraction = fraction.rstrip("0")
    least = parts.least_integer + parts.least_fraction - len(whole) if repeats else parts.least_fraction
    fraction = fraction.ljust(least, "0")
    sign = symbols.minus if shift < 0 else ""
    exponent = str(abs(shift)).rjust(parts.exponent_digits, "0")
    point = symbols.point if fraction or parts.shows_point else ""
    return f"{whole}{point}{fraction}{symbols.exponent}{sign}{exponent}"


def _affixed(body: str, negative: bool, parts: Pattern, symbols: Symbols) -> str:
    before, after = parts.prefix, parts.suffix
    if negative:
        if parts.negative_prefix is None:
            before = symbols.minus + before
        else:
            before, after = parts.negative_prefix, parts.negative_suffix
    if "\0" in before or "\0" in after:
        for mark, sign in (("\0p", symbols.percent), ("\0c", symbols.currency), ("\0m", symbols.minus)):
            before, after = before.replace(mark, sign), after.replace(mark, sign)
    return before + body + after


@lru_cache(maxsize=100)
def read_pattern(pattern: str) -> Pattern:
    """Take `pattern` apart.

    Raises:
        EvaluationError: it is not a number pattern.
    """
    halves = _split(pattern)
    if len(halves) > 2:
        raise _malformed(pattern)
    prefix, number, suffix, multiplier = _affixes(halves[0], pattern)
    negative_prefix, negative_suffix = None, ""
    if len(halves) == 2 and halves[1]:
        negative_prefix, _, negative_suffix, _ = _affixes(halves[1], pattern)
        if (negative_prefix, negative_suffix) == (prefix, suffix):
            negative_prefix = None
    body, exponent_mark, exponent = number.partition("E")
    if exponent_mark and (not exponent or exponent.strip("0")):
        raise _malformed(pattern)
    whole, point, fraction = body.partition(".")
    if "," in fraction or "." in fraction or whole.endswith(",") or (exponent_mark and "," in whole):
        raise _malformed(pattern)
    grouping = len(whole) - whole.rindex(",") - 1 if "," in whole else 0
    digits = whole.replace(",", "")
    if "#" in digits.lstrip("#") or "0" in fraction.lstrip("0") or (not digits and not fraction and number):
        raise _malformed(pattern)
    least_integer = digits.count("0")
    least_fraction = fraction.count("0")
    if point and not least_integer and not least_fraction:
        # `#.##` shows one zero before the point, `.##` one after it.
        if digits:
            least_integer = 1
        elif fraction:
            least_fraction = 1
    if not number:
        # Nothing at all shows every digit in groups; text alone shows the whole part.
        places, grouping = (0, 0) if prefix or suffix else (340, 3)
        affixes = prefix, suffix, negative_prefix, negative_suffix
        return Pattern(*affixes, 0, 10_000, 0, places, grouping, 0, multiplier, False)
    most_integer = len(digits) if exponent_mark else 10_000
    return Pattern(
        prefix,
        suffix,
        negative_prefix,
        negative_suffix,
        least_integer,
        most_integer,
        least_fraction,
        len(fraction),
        grouping,
        len(exponent),
        multiplier,
        bool(point) and not fraction,
    )


def _split(pattern: str) -> list[str]:
    """The halves for positive and negative numbers; a quoted semicolon does not part them."""
    halves, quoted = [""], False
    for char in pattern:
        if char == "'":
            quoted = not quoted
        if char == ";" and not quoted:
            halves.append("")
        else:
            halves[-1] += char
    return halves


def _affixes(half: str, pattern: str) -> tuple[str, str, str, int]:
    """Prefix, number part, suffix and multiplier. Signs of the locale become marks, see `_affixed`."""
    places = ["", "", ""]
    place, multiplier, index = 0, 1, 0
    quoted = False
    while index < len(half):
        char = half[index]
        index += 1
        if char == "'":
            if half[index : index + 1] == "'":
                if place == 1:
                    place = 2
                places[place] += "'"
                index += 1
            else:
                if place == 1:
                    place = 2
                quoted = not quoted
        elif quoted:
            places[place] += char
        elif char in "#0,." and place < 2:
            place = 1
            places[1] += char
        elif char == "E" and place == 1:
            places[1] += char
        elif char in "#0,.":
            raise _malformed(pattern)
        else:
            if place == 1:
                place = 2
            if char in "%\u2030":
                if multiplier != 1:
                    raise _malformed(pattern)
                multiplier = 100 if char == "%" else 1000
                places[place] += "\0p" if char == "%" else char
            else:
                places[place] += {"\u00a4": "\0c", "-": "\0m"}.get(char, char)
    if quoted:
        raise _malformed(pattern)
    return places[0], places[1], places[2], multiplier


def _malformed(pattern: str) -> EvaluationError:
    return EvaluationError("The number pattern is malformed", expected="such as `#,##0.00`", seen=[pattern])


@lru_cache(maxsize=50)
def symbols_of(locale: str) -> Symbols:
    """The signs that `locale` uses."""
    if locale in ("en_US", "en", ""):
        return Symbols()
    from babel import Locale, UnknownLocaleError

    try:
        signs = Locale.parse(locale.replace("-", "_")).number_symbols
    except (UnknownLocaleError, ValueError):
        raise EvaluationError(f"The locale `{locale}` is unknown") from None
    latin = signs.get("latn", signs)
    return Symbols(
        latin["decimal"], latin["group"], latin["minusSign"], latin["percentSign"], latin["exponential"]
    )

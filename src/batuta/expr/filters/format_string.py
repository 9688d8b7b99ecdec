"""`%`-formats with the rules of the reference's runtime: a wrong conversion fails, decimals round half up."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.kinds import Char, Float, Long, int_kind, is_number
from batuta.expr.printing import double_text, float_text, plain_text
from batuta.expr.run import Run

_SPECIFIER = re.compile(r"%(?:(\d{1,6})\$|(<))?([-#+ 0,(]*)(\d{1,12})?(?:\.(\d{1,12}))?([a-zA-Z%])", re.ASCII)
_MOST_WIDTH = 100_000


def format_text(run: Run, pattern: str, arguments: tuple[Any, ...]) -> str:
    """`pattern` with every specifier replaced.

    Raises:
        EvaluationError: a specifier does not exist, has no argument, or does not fit its argument.
    """
    pieces: list[str] = []
    end = ordinary = 0
    last = -1
    while True:
        at = pattern.find("%", end)
        if at < 0:
            pieces.append(pattern[end:])
            return run.join(pieces)
        pieces.append(pattern[end:at])
        match = _SPECIFIER.match(pattern, at)
        if match is None:
            raise EvaluationError(
                "`%` begins no format", expected="`%s`, `%d`, `%.2f` or `%%`", seen=[pattern]
            )
        end = match.end()
        conversion = match[6]
        width, places = int(match[4] or 0), int(match[5]) if match[5] else None
        if width > _MOST_WIDTH or (places or 0) > _MOST_WIDTH:
            raise LimitError(f"A width of more than {_MOST_WIDTH} characters")
        _check_flags(match[0], match[3], match[4], places, conversion)
        if conversion == "n":
            pieces.append("\n")
            continue
        if conversion == "%":
            pieces.append(_pad("%", width, match[3]))
            continue
        if match[2]:
            index = last
        elif match[1]:
            index = int(match[1]) - 1
        else:
            index, ordinary = ordinary, ordinary + 1
        if not 0 <= index < len(arguments):
            raise EvaluationError(f"`{match[0]}` has no argument", seen=[pattern])
        last = index
        pieces.append(_convert(match[0], conversion, arguments[index], match[3], width, places))


def _check_flags(shown: str, flags: str, width: str | None, places: int | None, conversion: str) -> None:
    """Refuse what contradicts itself: flags twice, padding on both sides or without a width."""
    contradicts = (
        len(set(flags)) != len(flags)
        or ("-" in flags and "0" in flags)
        or ("+" in flags and " " in flags)
        or (("-" in flags or "0" in flags) and width is None)
        or (places is not None and conversion in "dxXoc")
    )
    if contradicts:
        raise EvaluationError(f"`{shown}` contradicts itself", expected="such as `%05d` or `%-5s`")


def _convert(shown: str, conversion: str, value: Any, flags: str, width: int, places: int | None) -> str:
    lower = conversion.lower()
    if lower in "sb":
        text = _truth(value) if lower == "b" else "null" if value is None else plain_text(value)
        text = text if places is None else text[:places]
        result = _pad(text, width, flags.replace("0", ""))
    elif lower == "c":
        result = _pad(_character(shown, value), width, flags)
    elif conversion == "d" or lower in ("x",) or conversion == "o":
        result = _integer(shown, lower, value, flags, width)
    elif conversion == "f" or lower in ("e", "g"):
        result = _decimal(shown, lower, value, flags, width, 6 if places is None else places)
    else:
        raise EvaluationError(
            f"`{shown}` is no format", expected="`%s`, `%d`, `%f`, `%e`, `%x`, `%c` or `%b`"
        )
    return result.upper() if conversion.isupper() else result


def _truth(value: Any) -> str:
    return "false" if value is None or value is False else "true"


def _character(shown: str, value: Any) -> str:
    if value is None:
        return "null"
    if type(value) is Char:
        return str(value)
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and int_kind(value) is int
        and 0 <= value < 0x110000
    ):
        return chr(value)
    raise _wrong(shown, value)


def _integer(shown: str, conversion: str, value: Any, flags: str, width: int) -> str:
    if value is None:
        return _pad("null", width, flags.replace("0", ""))
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(shown, value)
    number = int(value)
    if conversion == "d":
        body = f"{abs(number):,}" if "," in flags else str(abs(number))
        return _signed(body, number < 0, flags, width)
    kind = int_kind(value)
    if kind in (int, Long):
        number %= 2**32 if kind is int else 2**64
    body = format(abs(number), conversion)
    if "#" in flags:
        body = ("0x" if conversion == "x" else "0") + body
    body = "-" + body if number < 0 else body
    return body.rjust(width, "0") if "0" in flags else _pad(body, width, flags)


def _decimal(shown: str, conversion: str, value: Any, flags: str, width: int, places: int) -> str:
    if value is None:
        return _pad("null", width, flags.replace("0", ""))
    if isinstance(value, int) or not is_number(value):
        raise _wrong(shown, value)
    if isinstance(value, float):
        if value != value or abs(value) == float("inf"):
            text = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
            return _pad(text, width, flags.replace("0", ""))
        negative = repr(value)[0] == "-"
        exact = abs(Decimal(float_text(value) if type(value) is Float else double_text(value)))
    else:
        negative, exact = value < 0, abs(value)
    if conversion == "g":
        conversion, places = _general(exact, places)
    if conversion == "e":
        body = _scientific(exact, places)
    else:
        body = format(_round(exact, places), ",f" if "," in flags else "f")
    return _signed(body, negative, flags, width)


def _general(exact: Decimal, places: int) -> tuple[str, int]:
    places = places or 1
    if exact != 0 and not Decimal("0.0001") <= exact < Decimal(10) ** places:
        return "e", places - 1
    return "f", places - 1 - (exact.adjusted() if exact else 0)


def _round(exact: Decimal, places: int) -> Decimal:
    if exact.adjusted() + places > 3000:
        raise LimitError("A number of more than 3000 digits")
    from decimal import Context

    return exact.quantize(Decimal((0, (1,), -places)), rounding=ROUND_HALF_UP, context=Context(prec=4000))


def _scientific(exact: Decimal, places: int) -> str:
    power = exact.adjusted() if exact else 0
    mantissa = _round(exact.scaleb(-power), places)
    if mantissa >= 10:
        power += 1
        mantissa = _round(exact.scaleb(-power), places)
    return f"{mantissa:f}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _signed(body: str, negative: bool, flags: str, width: int) -> str:
    before = "-" if negative else "+" if "+" in flags else " " if " " in flags else ""
    after = ""
    if negative and "(" in flags:
        before, after = "(", ")"
    if "0" in flags:
        body = body.rjust(width - len(before) - len(after), "0")
    return _pad(before + body + after, width, flags)


def _pad(text: str, width: int, flags: str) -> str:
    return text.ljust(width) if "-" in flags else text.rjust(width)


def _wrong(shown: str, value: Any) -> EvaluationError:
    return EvaluationError(f"`{shown}` does not fit its argument", seen=[value])

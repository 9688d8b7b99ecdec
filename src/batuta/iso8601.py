"""Durations and instants of ISO 8601, both ways.

Durations are days and smaller units only: calendar years and months have no fixed length (flow spec,
conventions).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(
    r"(?P<sign>[+-])?P(?:(?P<weeks>\d+)W)?(?:(?P<days>[+-]?\d+)D)?"
    r"(?:T(?:(?P<hours>[+-]?\d+)H)?(?:(?P<minutes>[+-]?\d+)M)?(?:(?P<seconds>[+-]?\d+(?:[.,]\d+)?)S)?)?",
    re.IGNORECASE,
)
_SECONDS = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(text: str) -> timedelta:
    """Read `PT5M`, `P1DT2H`, `PT0.25S`, or a plain number of seconds.

    Raises:
        ValueError: the text is neither.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=float(text))
    match = _DURATION.fullmatch(text)
    if match is None or text[-1:].upper() in ("P", "T") or text.upper().lstrip("+-") == "P":
        raise ValueError(f"`{text}` is not an ISO 8601 duration such as PT15M or P1D")
    parts = {
        name: float((value or "0").replace(",", "."))
        for name, value in match.groupdict().items()
        if name != "sign"
    }
    duration = timedelta(**parts)
    return -duration if match["sign"] == "-" else duration


def format_duration(duration: timedelta) -> str:
    """Write a duration as hours, minutes and seconds: `PT26H3.5S`."""
    micros = round(duration / timedelta(microseconds=1))
    if micros == 0:
        return "PT0S"
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, micros = divmod(micros, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = "PT"
    if hours:
        text += f"{sign}{hours}H"
    if minutes:
        text += f"{sign}{minutes}M"
    if seconds or micros:
        fraction = f".{micros:06d}".rstrip("0") if micros else ""
        text += f"{sign}{seconds}{fraction}S"
    return text


def parse_instant(text: str) -> datetime:
    """Read an instant with an offset, as UTC.

    Raises:
        ValueError: the text is not an instant, or has no offset.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"`{text}` has no offset; end it with Z or with an offset such as +02:00")
    return instant.astimezone(UTC)


def format_instant(instant: datetime) -> str:
    """Write an instant in UTC with a `Z`, with as many digits as it has."""
    text = instant.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")

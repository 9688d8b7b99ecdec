"""Time zones by the names that templates give them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple

from batuta.expr.errors import EvaluationError

_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?", re.ASCII)
_REGION = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)*", re.ASCII)


class Zone(NamedTuple):
    """A zone: its identifier as the reference writes it, its rules, and its offset when it has only one."""

    id: str
    rules: tzinfo
    fixed: int | None


def offset_text(seconds: int, *, colon: bool = True, zero: str = "Z") -> str:
    """An offset such as `+02:00`."""
    if seconds == 0 and zero:
        return zero
    sign, size = ("-", -seconds) if seconds < 0 else ("+", seconds)
    mark = ":" if colon else ""
    text = f"{sign}{size // 3600:02d}{mark}{size // 60 % 60:02d}"
    return text + (f"{mark}{size % 60:02d}" if size % 60 else "")


def offset_seconds(text: str) -> int | None:
    """The seconds of `Z`, `+2`, `+02`, `+0200`, `+02:00` or `+02:00:00`; None for anything else."""
    if text in ("Z", "z"):
        return 0
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = int(match[2]), int(match[3] or 0), int(match[4] or 0)
    total = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or total > 18 * 3600:
        return None
    return -total if match[1] == "-" else total


def fixed_zone(seconds: int, prefix: str = "") -> Zone:
    """The zone of one offset."""
    name = prefix + offset_text(seconds, zero="" if prefix else "Z") if seconds or not prefix else prefix
    return Zone(name, timezone(timedelta(seconds=seconds)), seconds)


UTC = Zone("UTC", timezone.utc, 0)  # noqa: UP017 - `datetime.UTC` would shadow this name


@lru_cache(maxsize=200)
def zone_of(name: str) -> Zone:
    """The zone called `name`.

    Raises:
        EvaluationError: there is none.
    """
    if name == "UTC":
        return UTC
    seconds = offset_seconds(name)
    if seconds is not None:
        return fixed_zone(seconds)
    for prefix in ("UTC", "GMT", "UT"):
        if name == prefix:
            return Zone(prefix, timezone(timedelta(0)), 0)
        if name.startswith((prefix + "+", prefix + "-")):
            seconds = offset_seconds(name[len(prefix) :])
            if seconds is not None:
                return fixed_zone(seconds, prefix)
    if _REGION.fullmatch(name) and len(name) < 60:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return Zone(name, ZoneInfo(name), None)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise EvaluationError(
        f"The time zone `{name[:60]}` is unknown", expected="such as `Europe/Paris`, `UTC` or `+02:00`"
    )


def offset_at(zone: Zone, local: datetime) -> int:
    """The offset of `zone` at a local time: before a gap, and the earlier one in an overlap."""
    if zone.fixed is not None:
        return zone.fixed
    offset = zone.rules.utcoffset(local.replace(tzinfo=zone.rules))
    return int(offset.total_seconds()) if offset is not None else 0

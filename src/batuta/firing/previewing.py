"""What a schedule or a backfill would do, told without doing it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from batuta.firing.rules import Rule, Schedule
from batuta.plugin.trigger import ScheduledTrigger
from batuta.timetable import backfill

Json = dict[str, Any]

TICKS = 20
"""How many ticks are shown unless told otherwise."""
MOST_TICKS = 1_000
MOST_COUNTED = 100_000
"""Most ticks of a backfill that are counted."""


def schedules(rules: Iterable[Rule]) -> list[Rule]:
    """Those triggers whose ticks are known beforehand."""
    return [rule for rule in rules if rule.cls is not None and issubclass(rule.cls, ScheduledTrigger)]


def previewed(schedule: Schedule, start: datetime, count: int = TICKS) -> Json:
    """The ticks after an instant, with the zone and what clocks do around them."""
    rule = schedule.rule
    ticks: list[Json] = []
    tick: datetime | None = schedule.filtered.next_after(start)
    while tick is not None and schedule.counts(tick) and len(ticks) < count:
        entry = {"date": schedule.text(tick), "instant": tick}
        note = schedule.note(tick)
        ticks.append({**entry, "note": note} if note else entry)
        tick = schedule.filtered.next_after(tick)
    told: Json = {
        "triggerId": rule.definition.id,
        "type": rule.definition.written_type,
        "timezone": schedule.zone_name,
        "disabled": rule.definition.disabled or rule.flow.disabled,
        "conditions": rule.conditions,
        "ticks": ticks,
    }
    cron = rule.definition.properties.get("cron")
    return told if cron is None else {**told, "cron": cron}


def filled(schedule: Schedule, start: datetime, end: datetime) -> Json:
    """How many executions a backfill would start, and for which dates."""
    dates: list[str] = []
    count = 0
    for tick in backfill.ticks(schedule.filtered, start, end):
        if not schedule.counts(tick):
            continue
        count += 1
        if len(dates) < MOST_TICKS:
            dates.append(schedule.text(tick))
        if count >= MOST_COUNTED:
            break
    return {
        "count": count,
        "isComplete": count < MOST_COUNTED,
        "timezone": schedule.zone_name,
        "dates": dates,
    }

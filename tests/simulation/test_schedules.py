"""400 days of schedules in every time zone, across restarts at any moment: 0 missed, 0 doubled.

The real scheduler above the real statements of the store, on virtual time. The oracle reads expressions in
its own way, and tries every wall-clock time that they name.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import pytest

from batuta.bus.local import LocalBus
from batuta.engine.world import World
from batuta.model.flow import FlowRevision
from batuta.ports import Ports
from batuta.scheduler import loop as scheduler_loop
from batuta.scheduler.loop import Scheduler
from batuta.secrets.cipher import Cipher
from batuta.secrets.environment import EnvironmentSecrets
from batuta.store.batch import Batch
from tests.simulation.memory_store import MemoryStore
from tests.simulation.servers import Gone, innermost
from tests.simulation.virtual_time import VirtualClock, VirtualLoop

EXPRESSIONS = int(os.environ.get("BATUTA_TEST_CRONS", "2000"))
AT_ONCE = 100
DAYS = timedelta(days=400)
START = datetime(2026, 1, 1, tzinfo=UTC)
RESTARTS = 12
LONGEST_BREAK = timedelta(days=2)
DEATHS_AT_COMMIT = 0.002


def zones() -> list[str]:
    """All of IANA's zones, in an order of chance."""
    every = sorted(available_timezones() - {"localtime", "Factory"})
    random.Random(7).shuffle(every)
    return every


def expression(chance: random.Random) -> str:
    """An expression that ticks some dozen times a year, most often where clocks are changed."""
    minute = chance.choice(["0", "30", "59", "*/30", str(chance.randrange(60))])
    hour = chance.choice(["0", "1", "2", "2", "3", "1-3", "23", str(chance.randrange(24))])
    day, month, weekday = chance.choice(
        [
            ("*", "3,4,9-11", "0,6"),
            ("*", "*", "SUN"),
            ("1", "*", "*"),
            ("25-31", "MAR,OCT,NOV", "*"),
            ("*/7", "*", "*"),
            ("13", "*", "FRI"),
            ("*", str(chance.randrange(1, 13)), "MON-FRI"),
        ]
    )
    return f"{minute} {hour} {day} {month} {weekday}"


class Dying:
    """A store whose server dies at some commits, before or after they are durable."""

    def __init__(self, store: MemoryStore, chance: random.Random) -> None:
        self._store = store
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, batch: Batch) -> list[int]:
        """See `Store.commit`."""
        if self._chance.random() < DEATHS_AT_COMMIT / 2:
            raise Gone
        ids = await self._store.commit(batch)
        if self._chance.random() < DEATHS_AT_COMMIT / 2:
            raise Gone
        return ids


class Door:
    """The executor's door, behind which nothing happens."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def accept(self, *events: Any, batch: Batch | None = None) -> None:
        """Keep what belongs to the events."""
        await self._store.commit(batch or Batch())


async def played(
    schedules: list[tuple[str, str]], chance: random.Random, folder: Path
) -> list[tuple[int, datetime]]:
    """Every tick that was started: the number of its schedule, and its date."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    clock, store, bus = VirtualClock(loop, START), MemoryStore(), LocalBus()
    triggers = [
        {
            "id": f"s{number}",
            "type": "io.kestra.plugin.core.trigger.Schedule",
            "cron": cron,
            "timezone": zone,
            "allowConcurrent": True,
        }
        for number, (cron, zone) in enumerate(schedules)
    ]
    task = {"id": "t", "type": "io.kestra.plugin.core.debug.Return", "format": ""}
    document = {"id": "f", "namespace": "n", "tasks": [task], "triggers": triggers}
    text = msgspec.json.encode(document).decode()
    await store.commit(
        Batch(flows=[FlowRevision(namespace="n", id="f", revision=1, source=text, created_at=clock.now())])
    )
    # The first scheduler reads the flow at once, so that every tick from the beginning on counts.
    moments = [timedelta(0), *sorted(chance.random() * DAYS for _ in range(RESTARTS)), DAYS]
    for begin, end in pairwise(moments):
        pause = chance.random() * min(LONGEST_BREAK, (end - begin) / 2) if begin else timedelta(0)
        await asyncio.sleep(max((START + begin + pause - clock.now()).total_seconds(), 0))
        while clock.now() < START + end:
            dying: Any = Dying(store, chance)
            ports = Ports(
                store=dying,
                bus=bus,
                storage=None,  # type: ignore[arg-type]
                secrets=EnvironmentSecrets(),
                cipher=Cipher(None, folder),
                clock=clock,
                inbox=Door(dying),  # type: ignore[arg-type]
            )
            running = asyncio.create_task(Scheduler(ports, World()).run())
            await asyncio.wait([running], timeout=(START + end - clock.now()).total_seconds())
            running.cancel()
            [outcome] = await asyncio.gather(running, return_exceptions=True)
            if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
                assert isinstance(innermost(outcome), Gone), outcome
                await asyncio.sleep(chance.random() * 3600)
    rows = store.db.execute("SELECT body FROM executions").fetchall()
    found = []
    for (body,) in rows:
        trigger = msgspec.json.decode(body)["trigger"]
        found.append((int(trigger["id"][1:]), datetime.fromisoformat(trigger["variables"]["date"])))
    await store.close()
    return found


# The oracle

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NAMES = {name: number for number, name in enumerate(_DAYS)}
_NAMES |= {name: number for number, name in enumerate(_MONTHS, 1)}


def numbers(field: str, low: int, high: int) -> list[int]:
    """All numbers of a field that fit, found by trying each."""

    def fits(number: int) -> bool:
        for part in field.split(","):
            span, _, step = part.partition("/")
            first, _, last = span.partition("-")
            if span == "*":
                a, b = low, high
            else:
                a = int(_NAMES.get(first, first))
                b = int(_NAMES.get(last, last)) if last else a
            if a <= number <= b and (number - a) % int(step or 1) == 0:
                return True
        return False

    return [number for number in range(low, high + 1) if fits(number)]


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def expected(cron: str, zone_name: str) -> set[datetime]:
    """Every tick of the 400 days, by trying every day and every time of it."""
    zone = _zone(zone_name)
    minutes, hours, days, months, weekdays = (
        numbers(field, *span)
        for field, span in zip(cron.split(), ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6)), strict=True)
    )
    either = len(days) < 31 and len(weekdays) < 7
    found = set()
    day = START.astimezone(zone).date() - timedelta(days=1)
    while day <= (START + DAYS).astimezone(zone).date():
        if day.month in months:
            of_month, of_week = day.day in days, day.isoweekday() % 7 in weekdays
            if (of_month or of_week) if either else (of_month and of_week):
                found |= {instant(day, hour, minute, zone) for hour in hours for minute in minutes}
        day += timedelta(days=1)
    return {tick for tick in found if START < tick <= START + DAYS}


def instant(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """When the clocks of a zone show a time first; where they leave it out, when they have just done so."""
    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    at = wall.astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return at
    offset = at.astimezone(zone).utcoffset()
    while (at - timedelta(minutes=1)).astimezone(zone).utcoffset() == offset:
        at -= timedelta(minutes=1)
    return at


def test_every_zone_has_its_turn():
    assert len(zones()) < EXPRESSIONS or os.environ.get("BATUTA_TEST_CRONS")


@pytest.mark.parametrize("first", range(0, EXPRESSIONS, AT_ONCE))
def test_no_tick_is_missed_or_doubled(first, tmp_path):
    every = zones()
    chance = random.Random(first)
    schedules = [
        (expression(chance), every[number % len(every)])
        for number in range(first, min(first + AT_ONCE, EXPRESSIONS))
    ]
    loop = VirtualLoop()
    loop.set_exception_handler(lambda _, context: None)
    patches = (
        patch.object(scheduler_loop, "LONGEST_SLEEP_SECONDS", 1e9),
        patch.object(scheduler_loop, "SWEEP_SECONDS", 1e9),
        patch.object(scheduler_loop, "KEEP_FIRINGS", timedelta(days=1000)),
    )
    with patches[0], patches[1], patches[2]:
        started = Counter(loop.run_until_complete(played(schedules, chance, tmp_path)))
    loop.close()

    assert [tick for tick, count in started.items() if count > 1] == []
    for number, (cron, zone) in enumerate(schedules):
        ticks = {at.astimezone(UTC) for each, at in started if each == number}
        assert ticks == expected(cron, zone), f"seed {first}, `{cron}` in {zone}"

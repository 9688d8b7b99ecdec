"""5,000 schedules: what they cost while they wait, and how soon they start when all are due in one second.

`python -m bench.schedules` prints two figures and keeps them in `bench/results/schedules.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

from batuta.timetable import CronCalendar, cron
from bench.client import Connection
from bench.run import RESULTS
from bench.server import Server

SETTLE_SECONDS = 8
IDLE_SECONDS = 20
PER_FLOW = 20
NAMESPACE = "bench.schedules"


def source(number: int, due: datetime) -> str:
    """A flow whose triggers are all due at one instant of each day."""
    lines = [f"id: scheduled-{number}", f"namespace: {NAMESPACE}", "tasks:"]
    lines += ["  - {id: done, type: io.kestra.plugin.core.debug.Return, format: done}", "triggers:"]
    expression = f"{due.second} {due.minute} {due.hour} * * *"
    for each in range(PER_FLOW):
        lines += [
            f"  - id: tick{each}",
            "    type: io.kestra.plugin.core.trigger.Schedule",
            f'    cron: "{expression}"',
            "    withSeconds: true",
            "    timezone: UTC",
        ]
    return "\n".join(lines)


async def measure(server: Server, count: int) -> tuple[float, float, float]:
    """Share of a core while all wait, in percent; seconds from the instant to the last start, and end."""
    connection = Connection("127.0.0.1", server.port)
    # Saving takes its time; the instant has to be behind that and the idle watch.
    due = (datetime.now(UTC) + timedelta(seconds=SETTLE_SECONDS + IDLE_SECONDS + count / 100)).replace(
        microsecond=0
    )
    for number in range(count // PER_FLOW):
        status, answer = await connection.request(
            "POST", "/api/v1/main/flows", source(number, due).encode(), "application/x-yaml"
        )
        if status != 200:
            raise RuntimeError(f"flow refused: {answer}")
    await connection.close()
    await asyncio.sleep(SETTLE_SECONDS)
    percent = server.cpu_percent(IDLE_SECONDS)
    if datetime.now(UTC) > due:
        raise RuntimeError("saving took longer than planned: the figures would mean nothing")
    connection = Connection("127.0.0.1", server.port)
    found = f"/api/v1/main/executions/search?namespace={NAMESPACE}&size=1"
    while True:
        _, answer = await connection.request("GET", found + "&state=SUCCESS&sort=state.endDate:desc")
        if answer["total"] >= count:
            break
        await asyncio.sleep(0.1)
    ended = datetime.fromisoformat(answer["results"][0]["state"]["endDate"])
    _, answer = await connection.request("GET", found + "&sort=state.startDate:desc")
    started = datetime.fromisoformat(answer["results"][0]["state"]["startDate"])
    await connection.close()
    return percent, (started - due).total_seconds(), (ended - due).total_seconds()


def next_date_milliseconds() -> float:
    """The 99th percentile of a search for the next date, over many expressions and zones."""
    chance = random.Random(1)
    took = []
    for _ in range(2_000):
        minute, hour, day = chance.randrange(60), chance.randrange(24), chance.randrange(1, 29)
        text = chance.choice([f"{minute} {hour} * * *", f"*/7 {hour} {day} * *", f"{minute} {hour} 29 2 *"])
        zone = ZoneInfo(chance.choice(["Europe/Paris", "Asia/Tokyo", "America/New_York"]))
        calendar = CronCalendar(cron.parse(text), zone)
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=chance.randrange(20_000))
        began = perf_counter()
        calendar.next_after(start)
        took.append(perf_counter() - began)
    return sorted(took)[len(took) * 99 // 100] * 1e3


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    count = parser.parse_args().count
    with Server() as server:
        server.wait()
        percent, started, ended = asyncio.run(measure(server, count))
    rows = [
        (f"{count:,} schedules that wait", f"{percent:.2f} % of a core", "< 1 %"),
        (f"{count:,} schedules due in one second, last started after", f"{started:.2f} s", "<= 5 s"),
        ("and the last execution ended after", f"{ended:.2f} s", ""),
        ("next date of a schedule, p99", f"{next_date_milliseconds():.3f} ms", "<= 1 ms"),
    ]
    lines = [f"Measured {time.strftime('%Y-%m-%d')}.", "", "| what | measured | bound |", "|---|---|---|"]
    lines += [f"| {what} | {figure} | {bound} |" for what, figure, bound in rows]
    print("\n".join(lines))
    (RESULTS / "schedules.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""Measure the figures we promise, over REST, beside the floor of the machine.

`python -m bench.run` prints one table and keeps it in `bench/results/`. A client and a server share the
machine's cores; durability is the default one. Each figure is the median of three unless its name says
otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import floor, flows
from bench.client import Connection
from bench.server import Server

SETTLE_SECONDS = 4
"""Seconds after the start until a server imports nothing more and is really idle."""
RESULTS = Path(__file__).parent / "results"


class Bench:
    """All measurements against one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = Connection("127.0.0.1", server.port)

    async def save(self, source: str) -> str:
        """Create a flow; its id."""
        status, answer = await self._connection.request(
            "POST", "/api/v1/main/flows", source.encode(), "application/x-yaml"
        )
        if status != 200:
            raise RuntimeError(f"flow refused: {answer}")
        return str(answer["id"])

    async def run(self, flow_id: str) -> dict[str, Any]:
        """Run a flow and wait for its end."""
        status, answer = await self._connection.request(
            "POST", f"/api/v1/main/executions/{flows.NAMESPACE}/{flow_id}?wait=true"
        )
        if status != 200 or answer["state"]["current"] != "SUCCESS":
            raise RuntimeError(f"{flow_id}: {status} {str(answer)[:500]}")
        return dict(answer)

    async def duration(self, source: str, times: int = 3) -> float:
        """Seconds from created to ended, median."""
        flow_id = await self.save(source)
        await self.run(flow_id)
        return statistics.median([_seconds(await self.run(flow_id)) for _ in range(times)])

    async def latencies(self, count: int = 300) -> tuple[float, float, float]:
        """One-task executions: p50 and p99 from created to ended, p50 of the whole request; milliseconds."""
        flow_id = await self.save(flows.one())
        inner, outer = [], []
        for number in range(count + 20):
            began = time.perf_counter()
            seconds = _seconds(await self.run(flow_id))
            if number >= 20:
                inner.append(seconds * 1e3)
                outer.append((time.perf_counter() - began) * 1e3)
        return statistics.median(inner), statistics.quantiles(inner, n=100)[98], statistics.median(outer)

    async def burst(self, number: int, count: int = 3000, connections: int = 16) -> float:
        """One-task executions submitted at once: completed per second."""
        flow_id = await self.save(flows.one().replace("id: one", f"id: burst-{number}"))
        path = f"/api/v1/main/executions/{flows.NAMESPACE}/{flow_id}"
        found = f"flowId={flow_id}&namespace={flows.NAMESPACE}&state=SUCCESS&size=1"
        query = f"/api/v1/main/executions/search?{found}"
        pool = [Connection("127.0.0.1", self._server.port) for _ in range(connections)]
        share = count // connections

        async def submit(connection: Connection) -> None:
            for _ in range(share):
                status, answer = await connection.request("POST", path)
                if status != 200:
                    raise RuntimeError(f"refused: {status} {answer}")

        began = time.perf_counter()
        await asyncio.gather(*map(submit, pool))
        while True:
            _, answer = await self._connection.request("GET", query)
            if answer["total"] >= share * connections:
                break
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - began
        for connection in pool:
            await connection.close()
        return share * connections / seconds


def _seconds(execution: dict[str, Any]) -> float:
    state = execution["state"]
    begin, end = (datetime.fromisoformat(state[name]) for name in ("startDate", "endDate"))
    return (end - begin).total_seconds()


def start_to_finished() -> float:
    """Seconds from the command to the end of the first execution, on an empty folder."""
    with Server() as server:
        server.wait()

        async def first() -> None:
            bench = Bench(server)
            await bench.run(await bench.save(flows.one()))

        asyncio.run(first())
        return time.perf_counter() - server.began


def command_seconds(*arguments: str) -> float:
    """Seconds that a command takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "batuta", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def median_of_three(measure: Callable[[], float]) -> float:
    """The middle one of three measurements."""
    return statistics.median(measure() for _ in range(3))


def collect(*, quick: bool) -> list[tuple[str, str, str]]:
    """Every figure: what, measured, bound."""
    rows: list[tuple[str, str, str]] = []

    def note(what: str, figure: str, bound: str) -> None:
        rows.append((what, figure, bound))
        print(f"{what:58} {figure:>22}   {bound}", flush=True)

    note("floor: durable commits of one row", f"{floor.single_commits():,.0f}/s", "")
    note("floor: rows in durable commits of 500", f"{floor.grouped_rows():,.0f}/s", "")
    note("command to first finished execution", f"{median_of_three(start_to_finished):.2f} s", "<= 0.9 s")
    with Server() as server:
        server.wait()
        time.sleep(SETTLE_SECONDS)
        idle, cpu = server.memory_mib, server.cpu_percent(5)

        async def over_rest() -> None:
            bench = Bench(server)
            inner, p99, outer = await bench.latencies()
            note("one task, created to ended, p50 (p99)", f"{inner:.2f} ({p99:.2f}) ms", "<= 4 (15) ms")
            note("one task, whole request with wait, p50", f"{outer:.2f} ms", "")
            note(
                "a no-op task in a sequence of 40",
                f"{await bench.duration(flows.sequence(40)) / 40 * 1e3:.3f} ms",
                "<= 1.2 ms",
            )
            note(
                "40 no-op tasks in parallel",
                f"{await bench.duration(flows.parallel(40)) * 1e3:.1f} ms",
                "<= 20 ms",
            )
            for count, bound in ((100, 0.06), (1_000, 0.5), (10_000, 5.0)):
                if quick and count > 1_000:
                    continue
                seconds = await bench.duration(flows.foreach(count))
                note(f"ForEach of {count:,}", f"{seconds:.3f} s", f"<= {bound} s")
            bursts = [await bench.burst(number) for number in range(3)]
            note("burst of one-task executions", f"{statistics.median(bursts):,.0f}/s", ">= 1,200/s")
            if not quick:
                note(
                    "40 Python scripts in sequence",
                    f"{await bench.duration(flows.scripts(40)):.2f} s",
                    "<= 1.0 s",
                )

        asyncio.run(over_rest())
        note(
            "idle memory (peak under all of this)",
            f"{idle:.0f} ({server.peak_mib:.0f}) MiB",
            "<= 90 (200) MiB",
        )
        note("idle CPU", f"{cpu:.1f} %", "<= 0.5 %")
    note("batuta --help", f"{median_of_three(lambda: command_seconds('--help')):.3f} s", "<= 0.15 s")
    hello = RESULTS.parent / "hello.yaml"
    note(
        "batuta run hello.yaml",
        f"{median_of_three(lambda: command_seconds('run', str(hello))):.2f} s",
        "<= 0.6 s",
    )
    return rows


def keep(rows: list[tuple[str, str, str]]) -> None:
    """Write the table where the repository keeps it."""
    RESULTS.mkdir(exist_ok=True)
    when = time.strftime("%Y-%m-%d")
    lines = [
        f"Measured {when} with Python {platform.python_version()} on {platform.machine()}, "
        "client and server on the same two cores.",
        "",
        "| what | measured | bound |",
        "|---|---|---|",
        *(f"| {what} | {figure} | {bound} |" for what, figure, bound in rows),
    ]
    (RESULTS / "latest.md").write_text("\n".join(lines) + "\n")
    (RESULTS / "latest.json").write_text(
        json.dumps({what: figure for what, figure, _ in rows}, indent=1) + "\n"
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out what takes long, and keep no results")
    arguments = parser.parse_args()
    rows = collect(quick=arguments.quick)
    if not arguments.quick:
        keep(rows)


if __name__ == "__main__":
    main()

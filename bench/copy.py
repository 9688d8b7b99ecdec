"""A million rows into PostgreSQL: `CopyIn` beside `psql \\copy`, in one run on one database.

`python -m bench.copy` prints one table and keeps it in `bench/results/`. The database is Debian's, as the
tests start it: nothing waits for the disk, which leaves the client the least to hide behind. Both load the
same file into the same empty table; each figure is the median of three, taken in turns. The memory is that of
the whole server while a flow takes the file from a script to the storage, and from there to the database.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.services.postgres import Database, postgres

from bench.client import Connection
from bench.server import Server

ROWS = 1_000_000
TIMES = 3
SETTLE_SECONDS = 4
MOST_MIB = 150
LEAST_SHARE = 0.5
RESULTS = Path(__file__).parent / "results" / "copy.md"
TABLE = """
CREATE TABLE trips (
  vendorid text, pickup timestamp, dropoff timestamp, passenger_count integer, trip_distance double precision,
  ratecodeid text, flag text, pulocationid text, dolocationid text, payment_type integer,
  fare_amount double precision, extra double precision, mta_tax double precision, tip_amount double precision,
  tolls_amount double precision, surcharge double precision, total_amount double precision,
  congestion_surcharge double precision)
"""
FLOW = """
id: copy
namespace: bench.copy
tasks:
  - id: extract
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    commands: ["cp %(file)s trips.csv"]
    outputFiles: ["*.csv"]
  - id: load
    type: io.kestra.plugin.jdbc.postgresql.CopyIn
    url: %(url)s
    username: %(username)s
    password: "%(password)s"
    from: "{{ outputs.extract.outputFiles['trips.csv'] }}"
    table: trips
    format: CSV
    header: true
  - id: purge
    type: io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles
"""


def write_trips(path: Path, rows: int) -> None:
    """A file of trips like those of New York's yellow taxis."""
    with path.open("w") as file:
        file.write(",".join(f"c{number}" for number in range(18)) + "\n")
        for number in range(rows):
            day, minute = 1 + number % 28, number // 28 % 60
            file.write(
                f"{number % 2 + 1},2019-01-{day:02} 00:{minute:02}:40,2019-01-{day:02} 01:{minute:02}:20,1,"
                f"{number % 97 / 10},1,N,{number % 265},{(number * 7) % 265},1,{number % 53}.5,0.5,0.5,1.65,"
                f"0,0.3,{number % 53 + 3}.45,\n"
            )


def by_psql(database: Database, path: Path) -> float:
    """Seconds that psql takes."""
    server = database.server
    database.run("TRUNCATE trips")
    began = time.perf_counter()
    subprocess.run(
        [
            *("psql", "-q", "-h", server.host, "-p", str(server.port), "-U", server.username),
            *("-d", database.name, "-c", f"\\copy trips FROM '{path}' WITH (FORMAT CSV, HEADER TRUE)"),
        ],
        check=True,
        env={**os.environ, "PGPASSWORD": server.password},
    )
    return time.perf_counter() - began


async def by_flow(server: Server, database: Database, rows: int) -> float:
    """Seconds that the task takes, from its start to its end."""
    database.run("TRUNCATE trips")
    # A connection of its own: while psql is at work, the server closes one that is idle.
    connection = Connection("127.0.0.1", server.port)
    status, execution = await connection.request("POST", "/api/v1/main/executions/bench.copy/copy?wait=true")
    await connection.close()
    if status != 200 or execution["state"]["current"] != "SUCCESS":
        raise RuntimeError(f"the flow failed: {status} {str(execution)[:500]}")
    if database.value("SELECT count(*) FROM trips") != rows:
        raise RuntimeError("rows are missing")
    return _seconds(next(run for run in execution["taskRunList"] if run["taskId"] == "load"))


def _seconds(run: dict[str, Any]) -> float:
    begin, end = (datetime.fromisoformat(run["state"][name]) for name in ("startDate", "endDate"))
    return (end - begin).total_seconds()


async def save(connection: Connection, database: Database, path: Path) -> None:
    """Create the flow."""
    flow = FLOW % {**database.login, "file": path}
    status, answer = await connection.request(
        "POST", "/api/v1/main/flows", flow.encode(), "application/x-yaml"
    )
    if status != 200:
        raise RuntimeError(f"flow refused: {answer}")


def measure(rows: int) -> list[tuple[str, str, str]]:
    """Every figure: what, measured, bound."""
    with postgres() as service, tempfile.TemporaryDirectory() as folder, Server() as server:
        server.wait()
        path = Path(folder) / "trips.csv"
        write_trips(path, rows)
        database = service.create()
        database.run(TABLE)
        time.sleep(SETTLE_SECONDS)
        rest = server.memory_mib

        async def in_turns() -> list[tuple[float, float]]:
            connection = Connection("127.0.0.1", server.port)
            await save(connection, database, path)
            await connection.close()
            found = []
            for _ in range(TIMES):
                theirs = await asyncio.to_thread(by_psql, database, path)
                found.append((theirs, await by_flow(server, database, rows)))
            return found

        turns = asyncio.run(in_turns())
        theirs, ours = (statistics.median(column) for column in zip(*turns, strict=True))
        size = path.stat().st_size / 2**20
        return [
            (
                f"psql \\copy of {rows:,} rows, {size:.0f} MiB",
                f"{theirs:.2f} s, {rows / theirs:,.0f} rows/s",
                "",
            ),
            ("CopyIn of the same file", f"{ours:.2f} s, {rows / ours:,.0f} rows/s", ""),
            ("speed of CopyIn over that of psql", f"{theirs / ours:.2f}", f">= {LEAST_SHARE}"),
            ("memory of the server at rest", f"{rest:.0f} MiB", ""),
            ("memory above rest, peak", f"{server.peak_mib - rest:.0f} MiB", f"<= {MOST_MIB} MiB"),
        ]


def keep(rows: list[tuple[str, str, str]]) -> None:
    """Write the table where the repository keeps it."""
    head = (
        f"Measured {time.strftime('%Y-%m-%d')} with Python {platform.python_version()} on "
        f"{platform.machine()}, client, server and database on the same two cores."
    )
    lines = [head, "", "| what | measured | bound |", "|---|---|---|"]
    RESULTS.write_text("\n".join([*lines, *(f"| {a} | {b} | {c} |" for a, b, c in rows)]) + "\n")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, and keep no results")
    arguments = parser.parse_args()
    rows = measure(ROWS // 10 if arguments.quick else ROWS)
    for what, figure, bound in rows:
        print(f"{what:58} {figure:>28}   {bound}")
    if not arguments.quick:
        keep(rows)


if __name__ == "__main__":
    main()

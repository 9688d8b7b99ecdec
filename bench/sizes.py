"""Measure what a task run costs in executions of very different sizes, and how much memory they take.

`python -m bench.sizes` prints one table and keeps it in `bench/results/sizes.md`. The cost is processor time
of the server, which another busy process on the machine disturbs less than the time on the clock.
"""

from __future__ import annotations

import asyncio
import platform
import time
from pathlib import Path

from bench import flows
from bench.client import Connection
from bench.server import Server

SIZES = (100, 1_000, 10_000, 100_000)
LEAST_RUNS = 10_000
"""Task runs over which the cost is measured at least: small executions are repeated."""
LARGE_BYTES = 10_000_000
RESULTS = Path(__file__).parent / "results" / "sizes.md"


def large() -> str:
    """A flow that hands a large input on through an output."""
    return (
        f"id: large\nnamespace: {flows.NAMESPACE}\ninputs:\n  - id: text\n    type: STRING\ntasks:\n"
        '  - id: a\n    type: io.kestra.plugin.core.debug.Return\n    format: "{{ inputs.text }}"\n'
        "  - id: b\n    type: io.kestra.plugin.core.debug.Return\n"
        '    format: "{{ outputs.a.value | length }}"\n'
    )


class Measuring:
    """One server, and a connection to it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = Connection("127.0.0.1", server.port)

    async def cost(self, size: int) -> float:
        """Microseconds of processor time per task run, over executions of one size."""
        flow_id = await self._save(flows.foreach(size))
        await self._complete(flow_id)
        times = max(LEAST_RUNS // size, 1)
        before = self._server.cpu_seconds
        for _ in range(times):
            await self._complete(flow_id)
        return (self._server.cpu_seconds - before) / (times * size) * 1e6

    async def large(self) -> float:
        """Seconds of an execution with a large input that becomes an output."""
        flow_id = await self._save(large())
        boundary = "batuta-bench"
        form = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
            f"{'x' * LARGE_BYTES}\r\n--{boundary}--\r\n"
        ).encode()
        began = time.perf_counter()
        await self._complete(flow_id, form, f"multipart/form-data; boundary={boundary}")
        return time.perf_counter() - began

    async def _save(self, source: str) -> str:
        status, answer = await self._connection.request(
            "POST", "/api/v1/main/flows", source.encode(), "application/x-yaml"
        )
        if status != 200:
            raise RuntimeError(f"flow refused: {answer}")
        return str(answer["id"])

    async def _complete(self, flow_id: str, form: bytes = b"", content_type: str | None = None) -> None:
        """Run a flow to its end; looks are rare, for they cost the server time too."""
        before = await self._successes(flow_id)
        path = f"/api/v1/main/executions/{flows.NAMESPACE}/{flow_id}"
        status, answer = await self._connection.request("POST", path, form, content_type)
        if status != 200:
            raise RuntimeError(f"{flow_id}: {status} {str(answer)[:500]}")
        while await self._successes(flow_id) == before:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.1)

    async def _successes(self, flow_id: str) -> int:
        found = f"flowId={flow_id}&namespace={flows.NAMESPACE}&state=SUCCESS&size=1"
        _, answer = await self._connection.request("GET", f"/api/v1/main/executions/search?{found}")
        return int(answer["total"])


def measure() -> list[tuple[str, str, str]]:
    """Every figure: what, measured, bound."""
    rows: list[tuple[str, str, str]] = []

    def note(what: str, figure: str, bound: str) -> None:
        rows.append((what, figure, bound))
        print(f"{what:58} {figure:>16}   {bound}", flush=True)

    first = 0.0
    for size in SIZES:
        with Server() as server:
            server.wait()
            cost = asyncio.run(Measuring(server).cost(size))
            first = first or cost
            note(f"a task run, ForEach of {size:,}", f"{cost:.0f} us", f"<= {first * 1.2:.0f} us")
            note(f"most memory, ForEach of {size:,}", f"{server.peak_mib:.0f} MiB", "<= 300 MiB")
    with Server() as server:
        server.wait()
        note("an input of 10 MB through an output", f"{asyncio.run(Measuring(server).large()):.2f} s", "")
        note("most memory with it", f"{server.peak_mib:.0f} MiB", "<= 300 MiB")
    return rows


def keep(rows: list[tuple[str, str, str]]) -> None:
    """Write the table where the repository keeps it."""
    lines = [
        f"Measured {time.strftime('%Y-%m-%d')} with Python {platform.python_version()} "
        f"on {platform.machine()}; processor time of the server.",
        "",
        "| what | measured | bound |",
        "|---|---|---|",
        *(f"| {what} | {figure} | {bound} |" for what, figure, bound in rows),
    ]
    RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    keep(measure())

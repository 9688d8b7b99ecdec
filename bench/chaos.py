"""Kill the server in the middle of everything, again and again, and account for every accepted execution.

`python -m bench.chaos --kills 50 --executions 1000`. A client submits executions while the server is killed
with SIGKILL and started again on the same folder. Afterwards every execution that was answered with 200 must
have ended with SUCCESS, each of its tasks must have one run that succeeded, and no execution may be there
twice.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from bench.client import Connection
from bench.server import free_port

FLOW = """
id: chaos
namespace: bench
inputs:
  - {id: number, type: INT}
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.number }}"}
  - id: work
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.05S}
      - {id: again, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.first.value }}"}
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: ["a", "b"]
    tasks:
      - {id: leaf, type: io.kestra.plugin.core.debug.Return, format: "{{ taskrun.value }}{{ inputs.number }}"}
  - {id: child, type: io.kestra.plugin.core.flow.Subflow, namespace: bench, flowId: chaos-child}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: "done {{ inputs.number }}"}
"""
CHILD = """
id: chaos-child
namespace: bench
tasks:
  - {id: only, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.01S}
"""
TASK_RUNS = 9
"""Task runs of one execution of the flow."""


class Verdict(collections.UserDict[str, int]):
    """What was found, by name; `problems` says what is wrong in words."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []


class Chaos:
    """A server that is killed, and the client that wants something of it."""

    def __init__(self, folder: str, *, seed: int) -> None:
        self._folder = folder
        self._port = free_port()
        self._random = random.Random(seed)
        self._process: subprocess.Popen[bytes] | None = None
        self.accepted: list[str] = []
        self._progress = asyncio.Event()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "batuta",
                "server",
                "local",
                "--port",
                str(self._port),
                "--data",
                self._folder,
            ],
            stdout=subprocess.DEVNULL,
        )

    async def _until_up(self) -> None:
        for _ in range(2000):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.close()
                return
            await asyncio.sleep(0.01)
        raise TimeoutError("the server does not come back")

    def stop(self, sign: signal.Signals) -> None:
        """Send the process a signal and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait()

    async def _request(self, method: str, path: str, body: bytes = b"", kind: str | None = None) -> Any:
        connection = Connection("127.0.0.1", self._port)
        try:
            status, answer = await connection.request(method, path, body, kind)
            return answer if status == 200 else None
        finally:
            with contextlib.suppress(OSError):
                await connection.close()

    async def run(self, *, kills: int, executions: int) -> Verdict:
        """Submit, kill, wait for the end, and judge."""
        self._start()
        await self._until_up()
        for source in (CHILD, FLOW):
            answer = await self._request("POST", "/api/v1/main/flows", source.encode(), "application/x-yaml")
            if answer is None:
                raise RuntimeError("the flow was refused")
        killer = asyncio.create_task(self._kill(kills, executions))
        numbers = iter(range(executions))
        await asyncio.gather(*(self._submit(numbers) for _ in range(4)))
        await killer
        try:
            return await self._judge()
        finally:
            self.stop(signal.SIGTERM)

    async def _submit(self, numbers: Any) -> None:
        for number in numbers:
            while True:
                form = f"--x\r\nContent-Disposition: form-data; name=number\r\n\r\n{number}\r\n--x--\r\n"
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, IndexError, ValueError):
                    answer = await self._request(
                        "POST",
                        "/api/v1/main/executions/bench/chaos",
                        form.encode(),
                        "multipart/form-data; boundary=x",
                    )
                    if answer is not None:
                        self.accepted.append(answer["id"])
                        self._progress.set()
                        break
                await asyncio.sleep(0.02)

    async def _kill(self, kills: int, executions: int) -> None:
        for number in range(kills):
            target = executions * (number + 1) // (kills + 1)
            while len(self.accepted) < target:
                self._progress.clear()
                await self._progress.wait()
            await asyncio.sleep(self._random.random() * 0.3)
            self.stop(signal.SIGKILL)
            self._start()
            await self._until_up()

    async def _judge(self) -> Verdict:
        verdict = Verdict()
        verdict["accepted"] = len(self.accepted)
        deadline = time.monotonic() + 120
        waiting = list(self.accepted)
        while waiting and time.monotonic() < deadline:
            still = []
            for execution_id in waiting:
                answer = await self._request("GET", f"/api/v1/main/executions/{execution_id}")
                if answer is None:
                    verdict.problems.append(f"{execution_id} was accepted and is gone")
                elif answer["state"]["current"] not in (
                    "SUCCESS",
                    "FAILED",
                    "WARNING",
                    "KILLED",
                    "CANCELLED",
                ):
                    still.append(execution_id)
                else:
                    self._check(answer, verdict)
            waiting = still
            if waiting:
                await asyncio.sleep(0.5)
        verdict.problems += [f"{execution_id} never ended" for execution_id in waiting]
        verdict["ended"] = len(self.accepted) - len(waiting)
        if len(set(self.accepted)) != len(self.accepted):
            verdict.problems.append("an id was given twice")
        children = await self._request(
            "GET", "/api/v1/main/executions/search?namespace=bench&flowId=chaos-child&size=1"
        )
        parents = await self._request(
            "GET", "/api/v1/main/executions/search?namespace=bench&flowId=chaos&size=1"
        )
        verdict["executions in the database"] = parents["total"]
        verdict["subflows"] = children["total"]
        if children["total"] != parents["total"]:
            verdict.problems.append(f"{parents['total']} parents have {children['total']} children")
        return verdict

    @staticmethod
    def _check(answer: dict[str, Any], verdict: Verdict) -> None:
        name = answer["id"]
        runs = answer["taskRunList"]
        if answer["state"]["current"] != "SUCCESS":
            verdict.problems.append(f"{name} ended as {answer['state']['current']}")
        if len(runs) != TASK_RUNS or any(run["state"]["current"] != "SUCCESS" for run in runs):
            states = {run["taskId"]: run["state"]["current"] for run in runs}
            verdict.problems.append(f"{name} has {len(runs)} task runs: {states}")
        verdict["attempts made again"] = verdict.get("attempts made again", 0) + sum(
            len(run.get("attempts") or ()) > 1 for run in runs
        )


async def chaos(*, kills: int, executions: int, seed: int) -> Verdict:
    """One whole run in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=".", prefix="chaos-") as folder:
        return await Chaos(folder, seed=seed).run(kills=kills, executions=executions)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--executions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    verdict = asyncio.run(chaos(kills=arguments.kills, executions=arguments.executions, seed=arguments.seed))
    for name, figure in verdict.items():
        print(f"{name:30} {figure:,}")
    for problem in verdict.problems[:20]:
        print("WRONG:", problem)
    print(f"{len(verdict.problems)} problems")
    sys.exit(1 if verdict.problems else 0)


if __name__ == "__main__":
    main()

"""A whole server in this process whose flows manage it, and a second one that is a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import httpx
import pytest

from batuta.app import running
from batuta.settings.tree import Settings
from batuta.web.app import create_app
from tests.journeys.processes import serving

YAML = {"Content-Type": "application/x-yaml"}


class Server:
    """A server, asked through its API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self._count = 0

    async def call(self, method: str, path: str, **request: Any) -> Any:
        answer = await self.http.request(method, f"/api/v1/main{path}", **request)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def save(self, source: str) -> None:
        await self.call("POST", "/flows", content=dedent(source), headers=YAML)

    async def start(self, flow: str, *, wait: bool = True) -> Any:
        return await self.call("POST", f"/executions/{flow}?wait={str(wait).lower()}")

    async def run(self, task: str) -> Any:
        """Run a task in a flow of its own, and give its task run."""
        self._count += 1
        name = f"manage_{self._count}"
        lines = indent("- id: it\n" + indent(dedent(task).strip(), "  "), "  ")
        await self.save(f"id: {name}\nnamespace: admin\ntasks:\n{lines}\n")
        execution = await self.start(f"admin/{name}")
        [run] = execution["taskRunList"]
        return run

    async def outputs(self, task: str) -> Any:
        """The outputs of a task that succeeds."""
        run = await self.run(task)
        assert run["state"]["current"] == "SUCCESS", await self.log(run)
        return run.get("outputs", {})

    async def refusal(self, task: str) -> str:
        """What the log of a task says that fails."""
        run = await self.run(task)
        assert run["state"]["current"] == "FAILED"
        return await self.log(run)

    async def log(self, run: Any) -> str:
        lines = await self.call("GET", f"/logs/{run['executionId']}")
        return "\n".join(line["message"] for line in lines)

    async def scheduled(self) -> None:
        """Wait until the scheduler has read the flow with the schedule."""
        async with asyncio.timeout(30):
            while True:
                if (await self.call("GET", "/triggers/company.team.below/mornings"))["results"]:
                    return
                await asyncio.sleep(0.02)

    async def file(self, run: Any, uri: str) -> bytes:
        path = f"/api/v1/main/executions/{run['executionId']}/file"
        return (await self.http.get(path, params={"path": uri})).content


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Server]:
    """A server in this process."""
    settings = Settings(data_dir=tmp_path / "own")
    async with running(settings) as ports:
        transport = httpx.ASGITransport(app=create_app(ports, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://batuta", timeout=60) as http:
            yield Server(http)


@pytest.fixture(scope="session")
def other_address(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server in a process of its own."""
    with serving(tmp_path_factory.mktemp("other")) as program:
        yield program.url


@pytest.fixture
async def other(other_address: str) -> AsyncIterator[Server]:
    """A client of the other server."""
    async with httpx.AsyncClient(base_url=other_address, timeout=60) as http:
        yield Server(http)


LOAD = """
    id: load
    namespace: company.team
    labels:
      team: data
    tasks:
      - id: say
        type: io.kestra.plugin.core.log.Log
        message: loaded
      - id: warn
        type: io.kestra.plugin.core.log.Log
        level: WARN
        message: slowly
"""
WAIT = """
    id: wait
    namespace: company.team
    tasks:
      - id: pause
        type: io.kestra.plugin.core.flow.Pause
        onResume:
          - id: answer
            type: STRING
"""
MORNINGS = """
    id: mornings
    namespace: company.team.below
    tasks:
      - id: say
        type: io.kestra.plugin.core.log.Log
        message: morning
    triggers:
      - id: nine
        type: io.kestra.plugin.core.trigger.Schedule
        cron: "0 9 * * *"
"""


@pytest.fixture
async def filled(own: Server) -> Server:
    """The own server with three flows."""
    for source in (LOAD, WAIT, MORNINGS):
        await own.save(source)
    await own.scheduled()
    return own

"""The web application in this process, above a real database, executor and worker in a temporary folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest

from batuta.app import running
from batuta.ports import Ports
from batuta.settings.tree import Settings
from batuta.web.app import create_app

YAML = {"Content-Type": "application/x-yaml"}


class Api:
    """A client of the application, with the few requests that every test makes."""

    def __init__(self, http: httpx.AsyncClient, ports: Ports) -> None:
        self.http = http
        self.ports = ports

    async def call(self, method: str, path: str, *, expect: int = 200, **request: Any) -> Any:
        """Send a request; the JSON of its answer, or its text where that is no JSON."""
        answer = await self.http.request(method, f"/api/v1/main{path}", **request)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        is_json = "json" in answer.headers.get("content-type", "") and answer.content
        return answer.json() if is_json else answer.text

    async def save(self, source: str, *, expect: int = 200) -> Any:
        """Create a flow."""
        return await self.call("POST", "/flows", content=dedent(source), headers=YAML, expect=expect)

    async def run(self, flow: str, **inputs: str) -> Any:
        """Start a flow and wait for its end."""
        form = {name: (None, value) for name, value in inputs.items()} or None
        return await self.call("POST", f"/executions/{flow}?wait=true", files=form)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    settings = Settings(data_dir=tmp_path)
    async with running(settings) as ports:
        transport = httpx.ASGITransport(app=create_app(ports, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://batuta") as http:
            yield Api(http, ports)


HELLO = """\
id: hello
namespace: company.team
inputs:
  - id: who
    type: STRING
    defaults: you
labels:
  team: data
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "Hello {{ inputs.who }}"
  - id: back
    type: io.kestra.plugin.core.debug.Return
    format: "{{ execution.id }}"
outputs:
  - id: final
    type: STRING
    value: "{{ outputs.back.value }}"
"""


@pytest.fixture
async def hello(api: Api) -> Api:
    """The API with one small flow."""
    await api.save(HELLO)
    return api

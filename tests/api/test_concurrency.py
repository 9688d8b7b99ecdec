"""Concurrency limits through the whole program: many starts at once, and a program that starts again."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx

from batuta.app import running
from batuta.bus.port import ExecutionChanged
from batuta.settings.tree import Settings
from batuta.web.app import create_app
from tests.api.conftest import Api

GATE = """
id: gate
namespace: company.team
concurrency: {limit: 2}
tasks:
  - {id: wait, type: io.kestra.plugin.core.flow.Pause}
"""


async def states(api: Api) -> Counter[str]:
    found = await api.call("GET", "/executions/search?size=50")
    return Counter(each["state"]["current"] for each in found["results"])


async def reaches(api: Api, **expected: int) -> bool:
    """Look at each change until the executions are in these states."""
    async with api.ports.bus.subscribe(ExecutionChanged) as hints, asyncio.timeout(10):
        while await states(api) != expected:
            await anext(aiter(hints))
    return True


async def start(api: Api, count: int) -> list[str]:
    calls = [api.call("POST", "/executions/company.team/gate") for _ in range(count)]
    return [each["id"] for each in await asyncio.gather(*calls)]


async def test_a_burst_does_not_overrun_the_limit(api: Api):
    await api.save(GATE)

    ids = await start(api, 20)

    assert await reaches(api, PAUSED=2, QUEUED=18)
    found = await api.call("GET", "/executions/search?state=PAUSED&size=50")
    for each in found["results"]:
        await api.call("POST", f"/executions/{each['id']}/resume")
    assert await reaches(api, PAUSED=2, QUEUED=16, SUCCESS=2)
    queued = await api.call("GET", "/executions/search?state=QUEUED&size=50")
    waiting = [each["id"] for each in queued["results"]]
    await api.call("POST", f"/executions/{waiting[0]}/unqueue")
    assert await reaches(api, PAUSED=3, QUEUED=15, SUCCESS=2)
    await api.call("POST", f"/executions/{waiting[0]}/unqueue", expect=409)
    await api.call("DELETE", "/executions/by-ids?includeNonTerminated=true", json=ids[:1])


async def test_nothing_is_leaked_by_a_program_that_starts_again(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    for round_number in range(3):
        async with running(settings) as ports:
            transport = httpx.ASGITransport(app=create_app(ports, settings))
            async with httpx.AsyncClient(transport=transport, base_url="http://batuta") as http:
                api = Api(http, ports)
                if round_number == 0:
                    await api.save(GATE)
                    await start(api, 5)
                if round_number < 2:
                    assert await reaches(api, PAUSED=2, QUEUED=3)
                    continue
                found = await api.call("GET", "/executions/search?state=PAUSED&size=50")
                for each in found["results"]:
                    await api.call("DELETE", f"/executions/{each['id']}/kill")
                assert await reaches(api, PAUSED=2, QUEUED=1, KILLED=2)


async def test_a_quota_turns_away_what_is_one_too_many(api: Api):
    await api.save(
        """
        id: rationed
        namespace: company.team
        quotas:
          - {duration: P1D, limit: 2, behavior: FAIL}
          - {duration: PT12H, limit: 5, behavior: CANCEL}
        tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: ran}]
        """
    )

    done = [await api.run("company.team/rationed") for _ in range(4)]

    assert [each["state"]["current"] for each in done] == ["SUCCESS", "SUCCESS", "FAILED", "FAILED"]
    refused = done[-1]
    assert "taskRunList" not in refused
    assert {"key": "system.quota", "value": "exceeded"} in refused["labels"]
    lines = await api.call("GET", f"/logs/{refused['id']}")
    assert lines[0]["message"] == (
        "Flow company.team.rationed is FAILED due to quota exceeded, 2 execution(s) per PT24H"
    )


async def test_a_playground_is_outside_of_limits(api: Api):
    await api.save(GATE.replace("limit: 2", "limit: 1, behavior: FAIL"))
    await api.call("POST", "/executions/company.team/gate?kind=PLAYGROUND&breakpoints=wait")
    await api.call("POST", "/executions/company.team/gate?kind=PLAYGROUND")

    await api.call("POST", "/executions/company.team/gate")

    async with api.ports.bus.subscribe(ExecutionChanged) as hints, asyncio.timeout(10):
        while await states(api) != {"PAUSED": 1}:
            await anext(aiter(hints))

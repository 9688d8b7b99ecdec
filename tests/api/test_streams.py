from __future__ import annotations

import asyncio
import json

import pytest

from batuta.web import stream
from tests.api.conftest import Api
from tests.api.test_executions import PAUSED, reaches


def events(text: str) -> list[tuple[str, dict]]:
    """Marker and data of each event of a stream; comments are skipped."""
    found = []
    for block in text.split("\n\n"):
        if block and not block.startswith(":"):
            marker, data = block.split("\n")
            found.append((marker.removeprefix("id: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_an_ended_execution_is_told_at_once(hello: Api):
    done = await hello.run("company.team/hello")

    answer = await hello.http.get(f"/api/v1/main/executions/{done['id']}/follow")

    (first, stub), (last, end) = events(answer.text)
    assert (first, stub) == ("start", {"id": done["id"], "deleted": False})
    assert last == "end"
    assert [run["taskId"] for run in end["taskRunList"]] == ["say", "back"]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"


async def test_each_change_is_told_until_the_end(api: Api):
    await api.save(PAUSED)
    created = await api.call("POST", "/executions/company.team/paused")
    following = asyncio.create_task(api.http.get(f"/api/v1/main/executions/{created['id']}/follow"))
    await reaches(api, created["id"], "PAUSED")

    await api.call("POST", f"/executions/{created['id']}/resume", files={"why": (None, "x")})
    told = events((await following).text)

    assert told[0][0] == "start"
    assert {marker for marker, _ in told[1:-1]} <= {"progress"}
    assert told[-1][0] == "end"
    assert told[-1][1]["state"]["current"] == "SUCCESS"
    documents = [json.dumps({**data, "state": data["state"]["histories"]}) for _, data in told[1:-1]]
    assert len(documents) == len(set(documents))


async def test_an_execution_that_never_appears_is_404(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "APPEAR_SECONDS", 0.05)

    for path in ("/executions/unknown/follow", "/logs/unknown/follow"):
        refused = await api.call("GET", path, expect=404)
        assert "Unable to find the execution unknown" in refused["message"]


async def test_a_log_is_told_line_by_line(hello: Api):
    done = await hello.run("company.team/hello", who="Ada")

    answer = await hello.http.get(f"/api/v1/logs/{done['id']}/follow?minLevel=INFO")

    told = events(answer.text)
    assert told[0] == ("start", {})
    assert told[-1] == ("end", {})
    assert "Hello Ada" in [line["message"] for marker, line in told if marker == "progress"]


async def test_a_silent_stream_says_that_it_lives(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "KEEP_ALIVE_SECONDS", 0.0)
    await api.save(PAUSED)
    created = await api.call("POST", "/executions/company.team/paused")
    following = asyncio.create_task(api.http.get(f"/api/v1/main/executions/{created['id']}/follow"))
    await reaches(api, created["id"], "PAUSED")

    await api.call("DELETE", f"/executions/{created['id']}/kill")

    assert ": ka\n\n" in (await following).text

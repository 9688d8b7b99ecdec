"""What was encrypted survives restarts; another key says so, and the old one brings everything back."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from batuta.app import running, world_of
from batuta.settings.tree import Settings
from batuta.web.app import create_app

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 16).decode()

FLOW = """\
id: waits
namespace: team.a
inputs:
  - {id: password, type: SECRET}
tasks:
  - {id: bearer, type: io.kestra.plugin.core.debug.Return, format: "Bearer {{ inputs.password }}"}
  - {id: pause, type: io.kestra.plugin.core.flow.Pause}
  - id: same
    type: io.kestra.plugin.core.execution.Assert
    conditions:
      - "{{ inputs.password == 'hunter-two-two' }}"
      - "{{ outputs.bearer.value == 'Bearer hunter-two-two' }}"
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.bearer.value }} | hunter-two-two"}
"""


@asynccontextmanager
async def served(folder: Path, **given: str):
    """The application over a data folder, with keys."""
    settings = Settings(data_dir=folder, **given)
    async with running(settings) as ports:
        app = create_app(ports, settings, world=world_of(settings))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://batuta/api/v1/main/") as http:
            yield http


async def started(http: httpx.AsyncClient) -> str:
    """An execution that waits in its pause."""
    headers = {"Content-Type": "application/x-yaml"}
    assert (await http.post("flows", content=dedent(FLOW), headers=headers)).is_success
    answer = await http.post("executions/team.a/waits", files={"password": (None, "hunter-two-two")})
    id = answer.json()["id"]
    await reached(http, id, "PAUSED")
    return id


async def reached(http: httpx.AsyncClient, id: str, *wanted: str) -> str:
    """The state of an execution once it is one of those wanted."""
    async with asyncio.timeout(30):
        while True:
            state = (await http.get(f"executions/{id}")).json()["state"]["current"]
            if state in wanted:
                return state
            await asyncio.sleep(0.02)


async def resumed(http: httpx.AsyncClient, id: str) -> tuple[str, str]:
    """State and log of the execution, once it is over."""
    assert (await http.post(f"executions/{id}/resume")).is_success
    state = await reached(http, id, "SUCCESS", "FAILED")
    return state, (await http.get(f"logs/{id}/download")).text


@pytest.mark.parametrize(
    "after",
    [
        {"encryption_key": OLD},
        {"encryption_key": NEW, "previous_encryption_keys": f"{NEW}, {OLD}"},
    ],
    ids=["the same key", "a new key before the old one"],
)
async def test_a_restart_forgets_neither_values_nor_what_is_secret(tmp_path: Path, after: dict[str, str]):
    async with served(tmp_path, encryption_key=OLD) as http:
        id = await started(http)

    async with served(tmp_path, **after) as http:
        state, log = await resumed(http, id)

    assert state == "SUCCESS", log
    assert "****** | ******" in log
    assert "hunter" not in log


async def test_a_lost_key_fails_what_needs_it_in_words_and_loses_nothing(tmp_path: Path):
    async with served(tmp_path, encryption_key=OLD) as http:
        id = await started(http)
        await http.put("namespaces/team/secrets", json={"key": "door", "value": "sesame"})

    async with served(tmp_path, encryption_key=NEW) as http:
        state, log = await resumed(http, id)
        again = await http.put("namespaces/team/secrets", json={"key": "other", "value": "one"})
        names = (await http.get("secrets")).json()["results"]

    assert state == "FAILED"
    assert "encrypted with another key" in log
    assert "previous_encryption_keys" in log
    assert again.is_success
    assert [each["key"] for each in names] == ["DOOR", "OTHER"]

    async with served(tmp_path, encryption_key=NEW, previous_encryption_keys=OLD) as http:
        answer = await http.post(f"executions/{id}/restart")
        assert answer.is_success, answer.text
        state = await reached(http, id, "SUCCESS", "KILLED")

    assert state == "SUCCESS"


async def test_the_key_file_can_be_exchanged_and_the_older_lines_still_read(tmp_path: Path):
    from batuta.secrets.cipher import KEY_FILE, Cipher

    cipher = Cipher(None, tmp_path)
    before = cipher.encrypt("one")
    cipher.exchange()
    after = cipher.encrypt("two")

    newest, oldest = (tmp_path / KEY_FILE).read_text().split()
    assert [Cipher(None, tmp_path).decrypt(each) for each in (before, after)] == ["one", "two"]
    assert Cipher(newest, tmp_path).decrypt(after) == "two"
    assert Cipher(oldest, tmp_path).decrypt(before) == "one"

"""`batuta kv` and `batuta secret` do what the API does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.processes import PATIENCE_SECONDS, Server, batuta, environment, serving

SENTINEL = "sesame-open-now"
READS = """\
id: reads
namespace: team.a
tasks:
  - id: same
    type: io.kestra.plugin.core.execution.Assert
    conditions: ["{{ secret('door') == 'sesame-open-now' }}"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data")) as server:
        yield server


def said(server: Server, *words: str, given: str = "", code: int = 0) -> str:
    """What a command prints, given something on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "batuta", *words, "--server", server.url],
        input=given,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def save(server: Server) -> None:
    """Store the flow that reads the secret."""
    saved = server.api.post("flows", content=READS, headers={"Content-Type": "application/x-yaml"})
    assert saved.is_success, saved.text


def test_values_are_set_read_listed_and_removed(server: Server, tmp_path: Path):
    (tmp_path / "limits.json").write_text('{"rows": 5}')
    said(server, "kv", "set", "team.values", "n", "12", "--ttl", "PT1H", "--description", "a number")
    said(server, "kv", "set", "team.values", "text", "12", "--type", "string")
    said(server, "kv", "set", "team.values", "limits", "--file", str(tmp_path / "limits.json"))
    said(server, "kv", "set", "team", "piped", given="from a pipe")

    assert said(server, "kv", "get", "team.values", "text") == "12\n"
    assert json.loads(said(server, "kv", "get", "team.values", "n", "-o", "json"))["type"] == "NUMBER"
    assert json.loads(said(server, "kv", "get", "team.values", "limits")) == {"rows": 5}
    listed = json.loads(said(server, "kv", "list", "team.values", "-o", "json"))
    assert [each["key"] for each in listed] == ["limits", "n", "text"]
    inherited = said(server, "kv", "list", "team.values", "--inherited")
    assert "piped" in inherited
    assert said(server, "kv", "delete", "team.values", "n", "text") == "removed 2\n"
    assert said(server, "kv", "delete", "team.values", "--all", "--yes") == "removed 1\n"


@pytest.mark.parametrize(
    ("type", "value", "wrong"),
    [
        ("DATE", "2026-05-01", "soon"),
        ("DATETIME", "2026-05-01T08:00:00Z", "2026-05-01T08:00:00"),
        ("DURATION", "PT5S", "5s"),
    ],
)
def test_a_date_is_kept_as_what_it_was_said_to_be(server: Server, type: str, value: str, wrong: str):
    said(server, "kv", "set", "team.dates", type, value, "--type", type.lower())

    kept = json.loads(said(server, "kv", "get", "team.dates", type, "-o", "json"))

    assert (kept["type"], kept["value"]) == (type, value)
    refused = said(server, "kv", "set", "team.dates", type, wrong, "--type", type.lower(), code=2)
    assert f"`{wrong}` is not a {type}" in refused


def test_what_cannot_be_done_with_values_is_said(server: Server):
    said(server, "kv", "set", "team.a", "once", "1")

    assert "Key already exists" in said(server, "kv", "set", "team.a", "once", "2", "--keep", code=1)
    assert "`many` is not a NUMBER" in said(
        server, "kv", "set", "team.a", "k", "many", "-t", "number", code=2
    )
    assert "No value found for key 'none'" in said(server, "kv", "get", "team.a", "none", code=1)
    assert "has no key `none`" in said(server, "kv", "delete", "team.a", "none", code=1)
    assert "Key must start with" in said(server, "kv", "set", "team.a", "a b", "1", code=2)
    said(server, "kv", "set", "team.a", "kept", "1")
    assert "no value on standard input" in said(server, "kv", "set", "team.a", "kept", given="", code=2)
    assert said(server, "kv", "get", "team.a", "kept").strip() == "1"


def test_a_secret_is_set_from_standard_input_and_never_shown(server: Server):
    said(server, "secret", "set", "team", "door", "--description", "of the cave", given=f"{SENTINEL}\n")
    save(server)

    done = server.api.post("executions/team.a/reads", params={"wait": "true"}).json()
    listed = said(server, "secret", "list") + said(server, "secret", "list", "team", "-o", "json")

    assert done["state"]["current"] == "SUCCESS"
    assert "DOOR" in listed
    assert "of the cave" in listed
    assert SENTINEL not in listed
    assert said(server, "secret", "set", "team", "empty", given="", code=2).startswith(
        "error: there is no value"
    )


def test_keys_are_exchanged_while_no_server_runs_and_nothing_is_lost(tmp_path: Path):
    data = tmp_path / "data"
    with serving(data) as server:
        said(server, "secret", "set", "team", "door", given=SENTINEL)
        save(server)
        refused = batuta("secret", "rotate", "--data", data)

    rotated = batuta("secret", "rotate", "--data", data)

    assert refused.returncode == 1
    assert "a new key is in use; 1 secret encrypted anew" in rotated.stdout
    assert len((data / "encryption.key").read_text().split()) == 2
    with serving(data) as again:
        done = again.api.post("executions/team.a/reads", params={"wait": "true"}).json()
        assert done["state"]["current"] == "SUCCESS"
        said(again, "secret", "delete", "team", "door")
        assert "There is no secret" in said(again, "secret", "delete", "team", "door", code=1)


def test_a_key_is_not_exchanged_where_there_is_no_data(tmp_path: Path):
    refused = batuta("secret", "rotate", "--data", tmp_path / "nope")

    assert refused.returncode == 2
    assert "there is no data folder" in refused.stderr
    assert not (tmp_path / "nope").exists()

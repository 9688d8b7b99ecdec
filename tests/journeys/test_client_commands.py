"""Commands that speak to a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.processes import PATIENCE_SECONDS, Server, batuta, serving, started

FLOW = """\
id: greet
namespace: team.a
inputs:
  - {id: name, type: STRING, defaults: world}
  - {id: letter, type: FILE, required: false}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "Hello, {{ inputs.name }}!"}
  - {id: warn, type: io.kestra.plugin.core.log.Log, level: WARN, message: careful}
"""
FAILS = """\
id: fails
namespace: team.b
tasks:
  - {id: fail, type: io.kestra.plugin.core.execution.Fail}
"""
WAITS = """\
id: waits
namespace: team.b
tasks:
  - {id: wait, type: io.kestra.plugin.core.flow.Sleep, duration: PT10M}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server") / "data") as server:
        for source in (FLOW, FAILS, WAITS):
            server.api.post("flows", content=source, headers={"content-type": "application/x-yaml"})
        yield server


@pytest.fixture
def call(server: Server):
    return lambda *arguments: batuta(*arguments, BATUTA_SERVER=server.url)


def started_id(call, flow: str, *options: str) -> str:
    done = call("execution", "create", *flow.split("/"), *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_flows_are_created_updated_printed_and_deleted(call, tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(FLOW.replace("greet", "mine"))

    created = call("flow", "create", path)
    again = call("flow", "create", path)
    same = call("flow", "update", path)
    path.write_text(FLOW.replace("greet", "mine").replace("Hello", "Good day"))
    changed = call("flow", "update", path)
    printed = call("flow", "get", "team.a", "mine")
    older = call("flow", "get", "team.a", "mine", "--revision", "1")
    deleted = call("flow", "delete", "team.a", "mine")
    gone = call("flow", "get", "team.a", "mine")

    assert created.stdout == "created team.a.mine revision 1\n"
    assert again.returncode == 1
    assert "already exists" in again.stderr
    assert same.stdout == "stored team.a.mine revision 1\n"
    assert changed.stdout == "stored team.a.mine revision 2\n"
    assert printed.stdout == path.read_text()
    assert "Hello" in older.stdout
    assert deleted.stdout == "deleted team.a.mine\n"
    assert (gone.returncode, gone.stdout) == (1, "")


def test_a_folder_of_flows_is_created_and_broken_ones_are_told(call, tmp_path: Path):
    (tmp_path / "one.yaml").write_text(FLOW.replace("greet", "one"))
    (tmp_path / "two.yaml").write_text(FLOW.replace("greet", "two").replace("message", "mesage"))

    done = call("flow", "create", tmp_path)

    assert done.returncode == 1
    assert done.stdout == "created team.a.one revision 1\n"
    assert "two.yaml" in done.stderr
    assert "did you mean `message`?" in done.stderr


def test_flows_are_listed_by_namespace(call):
    table = call("flow", "list", "--namespace", "team.b").stdout
    listed = json.loads(call("flow", "list", "--output", "json").stdout)

    assert [line.split()[:2] for line in table.splitlines()[1:]] == [["team.b", "fails"], ["team.b", "waits"]]
    assert {"greet", "fails", "waits"} <= {each["id"] for each in listed}


def test_flows_are_exported_as_files(call, tmp_path: Path):
    done = call("flow", "export", tmp_path / "out", "--namespace", "team.b")

    assert done.stdout == f"2 flows written to {tmp_path}/out\n"
    assert (tmp_path / "out" / "team.b.fails.yml").read_text() == FAILS


@pytest.mark.parametrize(
    ("flow", "state", "code"), [("team.a/greet", "SUCCESS", 0), ("team.b/fails", "FAILED", 1)]
)
def test_a_followed_execution_gives_its_exit_code(call, flow, state, code):
    done = call("execution", "create", *flow.split("/"), "--follow")
    as_json = call("execution", "create", *flow.split("/"), "--follow", "-o", "json")

    assert done.returncode == as_json.returncode == code
    assert state in done.stdout.splitlines()[-1]
    assert json.loads(as_json.stdout)["state"]["current"] == state


def test_inputs_labels_and_files_travel(call, tmp_path: Path):
    (tmp_path / "letter.txt").write_text("Dear all")

    done = call(
        "execution", "create", "team.a", "greet", "-i", "name=Ada", "-i", f"letter={tmp_path}/letter.txt",
        "--label", "team:ops", "--follow", "-o", "json",
    )  # fmt: skip

    document = json.loads(done.stdout)
    assert document["inputs"]["name"] == "Ada"
    assert document["inputs"]["letter"].startswith("kestra:///")
    assert {"key": "team", "value": "ops"} in document["labels"]


def test_an_input_that_is_wrong_is_told(call):
    done = call("execution", "create", "team.a", "greet", "-i", "letter=nowhere.txt")

    assert done.returncode == 2
    assert "there is no file `nowhere.txt`" in done.stderr


def test_executions_are_listed_and_shown(call):
    execution_id = json.loads(
        call("execution", "create", "team.a", "greet", "--follow", "-o", "json").stdout
    )["id"]

    listed = call("execution", "list", "--flow", "greet", "--state", "success").stdout
    shown = call("execution", "get", execution_id).stdout

    assert execution_id in listed
    assert "team.a.greet revision 1: SUCCESS" in shown
    assert "say" in shown


def test_logs_are_printed_filtered_and_followed_to_the_end(call):
    execution_id = json.loads(
        call("execution", "create", "team.a", "greet", "--follow", "-o", "json").stdout
    )["id"]

    every = call("execution", "logs", execution_id).stdout
    warnings = call("execution", "logs", execution_id, "--level", "WARN").stdout
    followed = call("execution", "logs", execution_id, "--follow").stdout

    assert [line.split()[1:4] for line in every.splitlines()] == [
        ["INFO", "say", "Hello,"],
        ["WARN", "warn", "careful"],
    ]
    assert [line.split()[1] for line in warnings.splitlines()] == ["WARN"]
    assert followed == every


def test_a_kill_ends_a_followed_execution_with_3(call, server):
    with started(
        sys.executable,
        "-m",
        "batuta",
        "execution",
        "create",
        "team.b",
        "waits",
        "--follow",
        "--server",
        server.url,
    ) as follower:
        follower.wait_for("RUNNING")
        running = json.loads(
            call("execution", "list", "--flow", "waits", "--state", "running", "-o", "json").stdout
        )

        killed = call("execution", "kill", running[0]["id"])

        assert killed.stdout == f"asked {running[0]['id']} to stop\n"
        assert follower.process.wait(PATIENCE_SECONDS) == 3


def test_a_failed_execution_is_restarted(call):
    execution_id = json.loads(
        call("execution", "create", "team.b", "fails", "--follow", "-o", "json").stdout
    )["id"]

    assert call("execution", "restart", execution_id).stdout == f"restarted {execution_id}\n"


@pytest.mark.parametrize(
    "arguments", [("get", "none"), ("logs", "none"), ("kill", "none"), ("restart", "none")]
)
def test_an_execution_that_does_not_exist_is_one_sentence(call, arguments):
    done = call("execution", *arguments)

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "none" in done.stderr


def test_no_server_is_one_sentence_and_what_to_do():
    done = batuta("flow", "list", "--server", "http://127.0.0.1:9")

    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("error: no server answers at http://127.0.0.1:9")
    assert "batuta server local" in done.stderr

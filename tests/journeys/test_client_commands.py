"""Commands that speak to a server."""

from __future__ import annotations

import json
import re
import signal
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
STORES = """\
id: stores
namespace: team.c
tasks:
  - {id: write, type: io.kestra.plugin.core.storage.Write, content: "1,2,3"}
outputs:
  - {id: file, type: FILE, value: "{{ outputs.write.uri }}"}
"""
LISTS = """\
id: lists
namespace: team.c
inputs:
  - {id: regions, type: ARRAY, itemType: STRING}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: hello}
"""
TAKES = """\
id: takes
namespace: team.e
inputs:
  - {id: limit, type: INT, defaults: 1}
  - {id: really, type: BOOL, defaults: true}
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.limit }}"}
  - {id: second, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.really }}"}
"""
SAYS_AND_WAITS = WAITS.replace(
    "tasks:\n", "tasks:\n  - {id: say, type: io.kestra.plugin.core.log.Log, message: waiting now}\n"
)


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
    assert again.stderr.startswith(f"error: {path}: ")
    assert "use `batuta flow update`" in again.stderr
    assert same.stdout == "unchanged team.a.mine revision 1\n"
    assert changed.stdout == "updated team.a.mine revision 2\n"
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
    told = [line for line in done.stderr.splitlines() if not line.startswith("  fix: ")]
    assert [line.startswith(f"error: {tmp_path}/two.yaml: tasks[") for line in told] == [True] * 4
    assert "did you mean `message`?" in done.stderr
    assert call("flow", "update", tmp_path).stderr == done.stderr


def test_what_will_fail_in_a_stored_flow_is_told(call, tmp_path: Path):
    path = tmp_path / "flow.yaml"
    path.write_text(FLOW.replace("id: greet", "id: doubtful", 1) + "variables: {a: '{{ b | upppper }}'}\n")

    stored = call("flow", "create", str(path))

    assert stored.returncode == 0
    assert stored.stdout == "created team.a.doubtful revision 1\n"
    assert "Filter [upppper] does not exist." in stored.stderr
    assert "fix: did you mean `upper`?" in stored.stderr


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
    assert re.match(rf"execution \w+ of {flow.replace('/', '.')}\n", done.stdout)
    assert f" {state} after " in done.stdout.splitlines()[-1]
    assert json.loads(as_json.stdout)["state"]["current"] == state


def test_outputs_are_shown_at_the_end_and_files_are_fetched(call, server, tmp_path: Path):
    server.api.post("flows", content=STORES, headers={"content-type": "application/x-yaml"})

    followed = call("execution", "create", "team.c", "stores", "--follow").stdout
    execution_id = followed.split()[1]
    outputs = json.loads(followed[followed.index("{") :])["outputs"]
    shown = call("execution", "get", execution_id).stdout
    printed = call("execution", "file", execution_id, outputs["file"])
    written = call("execution", "file", execution_id, outputs["file"], "-o", tmp_path / "here.txt")
    none = call("execution", "file", execution_id, outputs["file"] + "x", "-o", tmp_path / "none.txt")

    assert json.loads(shown[shown.index("{") :]) == {"outputs": outputs}
    assert printed.stdout == "1,2,3"
    assert written.stdout == f"5 bytes written to {tmp_path}/here.txt\n"
    assert (tmp_path / "here.txt").read_text() == "1,2,3"
    assert none.returncode != 0
    assert none.stderr.startswith("error: ")
    assert not (tmp_path / "none.txt").exists()


def test_durations_are_for_people_and_count_up_to_now(call, server):
    execution_id = started_id(call, "team.b/waits")
    server.api.get(f"executions/{execution_id}")

    listed = call("execution", "list", "--flow", "waits", "--size", "1").stdout.splitlines()[1]
    call("execution", "kill", execution_id)

    assert re.search(r" \d[\d.]* m?s$", listed)


def test_ctrl_c_leaves_a_followed_execution_running_and_says_so(server, call):
    command = ["execution", "create", "team.b", "waits", "--follow", "--server", server.url]
    with started(sys.executable, "-m", "batuta", *command) as follower:
        execution_id = follower.wait_for("execution ").split()[1]
        follower.wait_for("RUNNING")
        follower.send(signal.SIGINT)
        code = follower.end()
    found = json.loads(call("execution", "get", execution_id, "-o", "json").stdout)
    call("execution", "kill", execution_id)

    assert code == 130
    assert found["state"]["current"] == "RUNNING"
    assert f"stop it: `batuta execution kill {execution_id} --server {server.url}`" in follower.text


def test_a_log_that_is_followed_tells_that_the_server_stopped(tmp_path: Path):
    with serving(tmp_path / "data") as own:
        own.api.post("flows", content=SAYS_AND_WAITS, headers={"content-type": "application/x-yaml"})
        execution_id = own.api.post("executions/team.b/waits").json()["id"]
        command = ["execution", "logs", execution_id, "--follow", "--server", own.url]
        with started(sys.executable, "-m", "batuta", *command) as follower:
            follower.wait_for("waiting now")
            own.send(signal.SIGTERM)
            code = follower.end()

    assert code == 1
    assert f"error: the server stopped before the execution {execution_id} ended" in follower.text


def test_a_value_that_does_not_fit_is_answered_with_its_form(call, server):
    server.api.post("flows", content=LISTS, headers={"content-type": "application/x-yaml"})

    done = call("execution", "create", "team.c", "lists", "-i", "regions=north")

    assert done.returncode == 2
    assert 'fix: write it as `-i \'regions=["one", "two"]\'`' in done.stderr


def test_an_input_that_is_missing_is_told(call, server):
    server.api.post("flows", content=LISTS, headers={"content-type": "application/x-yaml"})

    missing = call("execution", "create", "team.c", "lists")

    assert missing.returncode == 2
    assert "Missing required input:regions" in missing.stderr


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


def test_an_execution_that_succeeded_is_replayed_instead(call):
    execution_id = json.loads(
        call("execution", "create", "team.a", "greet", "--follow", "-o", "json").stdout
    )["id"]

    refused = call("execution", "restart", execution_id)
    replayed = call("execution", "replay", execution_id)

    assert refused.returncode == 2
    assert f"batuta execution replay {execution_id}" in refused.stderr
    document = json.loads(call("execution", "get", replayed.stdout.strip(), "-o", "json").stdout)
    assert document["originalId"] == execution_id


def test_inputs_that_the_flow_does_not_have_start_nothing(call, server):
    source = TAKES.replace("id: takes", "id: strict")
    server.api.post("flows", content=source, headers={"content-type": "application/x-yaml"})

    misspelt = call("execution", "create", "team.e", "strict", "-i", "limti=3")
    vague = call("execution", "create", "team.e", "strict", "-i", "really=maybe")

    assert (misspelt.returncode, misspelt.stderr) == (
        2,
        "error: the flow has no input `limti`\n  fix: did you mean `limit`?\n",
    )
    assert (vague.returncode, vague.stderr) == (
        2,
        "error: the input `really` is `maybe`, which is no boolean\n  fix: write true or false\n",
    )
    assert server.api.get("executions/search", params={"flowId": "strict"}).json()["total"] == 0


def test_a_replay_begins_at_a_task_by_its_name(call, server):
    server.api.post("flows", content=TAKES, headers={"content-type": "application/x-yaml"})
    execution_id = started_id(call, "team.e/takes", "-i", "limit=3")
    ended = reached(server, execution_id, "SUCCESS")

    replayed = call("execution", "replay", execution_id, "--from", "second")
    unknown = call("execution", "replay", execution_id, "--from", "secnd")

    copy = reached(server, replayed.stdout.strip(), "SUCCESS")
    first, again = ended["taskRunList"][0], copy["taskRunList"][0]
    assert first["state"]["startDate"] == again["state"]["startDate"]
    assert "did you mean `second`?" in unknown.stderr


def test_what_has_ended_cannot_be_killed(call, server):
    execution_id = started_id(call, "team.b/fails")
    reached(server, execution_id, "FAILED")

    refused = call("execution", "kill", execution_id)

    assert refused.returncode == 1
    assert refused.stderr == f"error: {execution_id} has ended already, in the state FAILED\n"


def test_a_failed_execution_is_explained_by_the_end_of_its_log(call, server):
    execution_id = started_id(call, "team.b/fails")
    reached(server, execution_id, "FAILED")

    explained = call("explain", execution_id).stdout

    assert "note: the last errors of its log:\n  fail: " in explained


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


ASKS = """\
id: asks
namespace: team.d
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {id: reason, type: STRING}
      - {id: proof, type: FILE, required: false}
"""


def reached(server: Server, execution_id: str, state: str) -> dict:
    """The execution, as soon as it is in a state."""
    with server.api.stream("GET", f"executions/{execution_id}/follow") as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                found = json.loads(line[5:])
                if found.get("state", {}).get("current") == state:
                    return found
    raise AssertionError(f"{execution_id} has not reached {state}")


def test_a_paused_execution_is_explained_and_resumed_as_the_explanation_says(call, server, tmp_path: Path):
    server.api.post("flows", content=ASKS, headers={"content-type": "application/x-yaml"})
    execution_id = started_id(call, "team.d/asks")
    reached(server, execution_id, "PAUSED")
    proof = tmp_path / "proof.txt"
    proof.write_text("seen")

    explained = call("explain", execution_id)
    missing = call("execution", "resume", execution_id)
    resumed = call("execution", "resume", execution_id, "-i", "reason=ok", "-i", f"proof={proof}")

    assert f"team.d.asks {execution_id} is PAUSED, since " in explained.stdout
    assert "- `ask` pauses the execution until somebody resumes it, since " in explained.stdout
    assert f"to move it: batuta execution resume {execution_id} --input reason=VALUE" in explained.stdout
    assert missing.returncode == 2
    assert "reason" in missing.stderr
    assert resumed.stdout == f"resumed {execution_id}\n", resumed.stderr
    ended = reached(server, execution_id, "SUCCESS")
    assert ended["taskRunList"][0]["outputs"]["onResume"]["reason"] == "ok"
    assert ended["taskRunList"][0]["outputs"]["onResume"]["proof"].endswith("proof.txt")


def test_a_failed_task_is_marked_and_the_execution_goes_on(call, server):
    execution_id = started_id(call, "team.b/fails")
    reached(server, execution_id, "FAILED")

    marked = call("execution", "mark", execution_id, "fail", "success")

    assert marked.stdout == f"marked `fail` of {execution_id} as SUCCESS\n", marked.stderr
    reached(server, execution_id, "SUCCESS")
    changed = call("execution", "change-status", execution_id, "warning")
    assert changed.stdout == f"{execution_id} counts as WARNING\n"
    refused = call("execution", "resume-from-breakpoint", execution_id)
    assert refused.returncode != 0
    assert "breakpoint" in refused.stderr

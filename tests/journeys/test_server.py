"""A server as a process: a flow over HTTP, the end by signals, and what survives `kill -9`."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.processes import PATIENCE_SECONDS, Server, batuta, serving, started

FLOW = """
id: chain
namespace: team
inputs:
  - {id: number, type: INT, defaults: 1}
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.number * 2 }}"}
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b]
    tasks:
      - id: script
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner: {type: io.kestra.plugin.core.runner.Process}
        commands: ["echo {{ taskrun.value }}-{{ inputs.number }}"]
  - {id: pause, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.05S}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: "done {{ outputs.first.value }}"}
outputs:
  - {id: doubled, type: INT, value: "{{ outputs.first.value }}"}
"""
RUNS_OF_FLOW = Counter({"first": 1, "each": 1, "script": 2, "pause": 1, "last": 1})
YAML = {"content-type": "application/x-yaml"}


def create(server: Server, source: str) -> None:
    server.api.post("flows", content=source, headers=YAML).raise_for_status()


def start(server: Server, flow: str, **inputs: Any) -> str:
    parts = {name: (None, str(value)) for name, value in inputs.items()}
    created = server.api.post(f"executions/team/{flow}", files=parts).raise_for_status()
    return str(created.json()["id"])


def test_a_flow_is_created_run_and_followed_over_http(tmp_path: Path):
    with serving(tmp_path / "data") as server:
        create(server, FLOW)
        execution_id = start(server, "chain", number=21)

        with server.api.stream("GET", f"executions/{execution_id}/follow") as stream:
            lines = [line for line in stream.iter_lines() if line and not line.startswith(":")]
        log = server.api.get(f"logs/{execution_id}").json()

    markers = [line.removeprefix("id:").strip() for line in lines if line.startswith("id:")]
    last = json.loads([line for line in lines if line.startswith("data:")][-1].removeprefix("data:"))
    assert (markers[0], markers[-1]) == ("start", "end")
    assert last["state"]["current"] == "SUCCESS"
    assert last["outputs"] == {"doubled": 42}
    assert Counter(run["taskId"] for run in last["taskRunList"]) == RUNS_OF_FLOW
    assert {"a-21", "b-21", "done 42"} <= {line["message"] for line in log}


def test_everything_accepted_before_a_kill_9_is_finished_after_it(tmp_path: Path):
    """Nothing lost, nothing doubled: each accepted execution ends once, with each task run once."""
    accepted: list[str] = []
    data = tmp_path / "data"

    with serving(data) as server:
        create(server, FLOW)

        def submit(number: int) -> None:
            try:
                accepted.append(start(server, "chain", number=number))
            except httpx.HTTPError:
                return  # refused or cut off: not accepted

        with ThreadPoolExecutor(8) as clients:
            waiting = [clients.submit(submit, number) for number in range(120)]
            while len(accepted) < 40:
                time.sleep(0.001)
            server.send(signal.SIGKILL)
            for each in waiting:
                each.result()

    with serving(data) as server:
        ended = {execution_id: wait_for_end(server, execution_id) for execution_id in accepted}
        found = server.api.get("executions/search", params={"size": 500}).json()

    assert {each["state"]["current"] for each in ended.values()} == {"SUCCESS"}
    assert all(
        Counter(run["taskId"] for run in each["taskRunList"]) == RUNS_OF_FLOW for each in ended.values()
    )
    assert all(each["outputs"] == {"doubled": 2 * each["inputs"]["number"]} for each in ended.values())
    assert set(accepted) <= {each["id"] for each in found["results"]}


def wait_for_end(server: Server, execution_id: str) -> dict[str, Any]:
    with server.api.stream("GET", f"executions/{execution_id}/follow") as stream:
        data = [line for line in stream.iter_lines() if line.startswith("data:")]
    last: dict[str, Any] = json.loads(data[-1].removeprefix("data:"))
    return last


def test_a_script_that_a_kill_9_interrupted_runs_again_as_a_new_attempt(tmp_path: Path):
    source = f"""
id: interrupted
namespace: team
tasks:
  - id: script
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
    commands:
      - "echo began >> {tmp_path}/marks"
      - "test $(wc -l < {tmp_path}/marks) -gt 1 || sleep 600"
"""
    data = tmp_path / "data"

    with serving(data) as server:
        create(server, source)
        execution_id = start(server, "interrupted")
        until(lambda: (tmp_path / "marks").exists() and is_running(server, execution_id))
        server.send(signal.SIGKILL)
        server.end()
    with serving(data) as server:
        ended = wait_for_end(server, execution_id)

    assert ended["state"]["current"] == "SUCCESS"
    assert [len(run["attempts"]) for run in ended["taskRunList"]] == [2]
    assert (tmp_path / "marks").read_text() == "began\nbegan\n"


def is_running(server: Server, execution_id: str) -> bool:
    """The server has noted that the first attempt began; a worker may be ahead of what is noted."""
    runs = server.api.get(f"executions/{execution_id}").json().get("taskRunList", [])
    return [run["state"]["current"] for run in runs] == ["RUNNING"]


def until(true: Any) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_within_seconds_though_somebody_follows(
    tmp_path: Path, which: signal.Signals
):
    source = FLOW.replace("PT0.05S", "PT10M")
    with serving(tmp_path / "data") as server:
        create(server, source)
        execution_id = start(server, "chain")
        with server.api.stream("GET", f"executions/{execution_id}/follow") as stream:
            next(stream.iter_lines())
            began = time.monotonic()

            server.send(which)

            assert server.end() == 0
            assert time.monotonic() - began < 10
    assert "Traceback" not in server.text


def test_a_port_in_use_is_one_sentence_and_what_to_do(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = batuta("server", "local", "--port", port, "--data", tmp_path / "data")

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: port {port} on 127.0.0.1 is in use by another program",
        f"  fix: stop that program, or take another port: `--port {port + 1}`",
    ]
    assert not (tmp_path / "data").exists()


def test_a_data_folder_in_use_is_one_sentence_and_what_to_do(tmp_path: Path):
    with serving(tmp_path / "data"):
        done = batuta("server", "local", "--port", "0", "--data", tmp_path / "data")

    assert done.returncode == 1
    assert "is using the data folder" in done.stderr
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr


def test_flows_of_a_folder_are_stored_at_the_start_and_change_with_their_files(tmp_path: Path):
    flows = tmp_path / "flows"
    (flows / "below").mkdir(parents=True)
    (flows / "below" / "chain.yml").write_text(FLOW)
    (flows / "broken.yaml").write_text("id: broken\nnamespace: team\ntasks: 3\n")

    def revision() -> int:
        with serving(tmp_path / "data", "--flow-path", flows) as server:
            assert "not stored" in server.text
            assert "broken.yaml" in server.text
            return int(server.api.get("flows/team/chain").json()["revision"])

    assert revision() == 1
    assert revision() == 1
    (flows / "below" / "chain.yml").write_text(FLOW.replace("done", "finished"))
    assert revision() == 2


def test_a_folder_of_flows_that_is_not_there_is_one_sentence(tmp_path: Path):
    done = batuta(
        "server", "local", "--port", "0", "--data", tmp_path / "data", "--flow-path", tmp_path / "none"
    )

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: there is no folder `{tmp_path}/none`")


def test_the_server_listens_on_loopback_only(tmp_path: Path):
    with serving(tmp_path / "data") as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=1)


def test_python_m_batuta_is_the_command(tmp_path: Path):
    with started(sys.executable, "-m", "batuta", "--version") as program:
        assert program.wait_for("batuta").startswith("batuta, version ")

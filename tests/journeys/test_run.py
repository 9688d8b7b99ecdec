"""`batuta run`: exit codes, inputs, and what Ctrl-C does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.journeys.processes import PATIENCE_SECONDS, batuta, environment, started


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "flow.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


LOG = """
id: hello
namespace: team
inputs:
  - {id: name, type: STRING, defaults: world}
  - {id: many, type: ARRAY, itemType: INT, required: false}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "Hello, {{ inputs.name }}!"}
outputs:
  - {id: name, type: STRING, value: "{{ inputs.name | upper }}"}
"""
FAIL = """
id: bad
namespace: team
tasks:
  - {id: fail, type: io.kestra.plugin.core.execution.Fail, errorMessage: no more}
"""
SLOW = """
id: slow
namespace: team
tasks:
  - id: wait
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    commands: ["echo started $$", "sleep 600 & wait"]
afterExecution:
  - {id: after, type: io.kestra.plugin.core.log.Log, message: "it was {{ execution.state }}"}
"""


def test_a_run_that_succeeds_ends_with_0_and_tells_what_happened(write):
    done = batuta("run", write(LOG), "-i", "name=Ada")

    assert done.returncode == 0, done.stderr
    told = [line.split()[1:] for line in done.stdout.splitlines() if " say " in line]
    assert told == [["say", "RUNNING"], ["say", "INFO", "Hello,", "Ada!"], ["say", "SUCCESS", *told[2][2:]]]
    assert json.loads(done.stdout[done.stdout.index("{") :]) == {"outputs": {"name": "ADA"}}


def test_a_run_that_fails_ends_with_1(write):
    done = batuta("run", write(FAIL))

    assert done.returncode == 1
    assert "no more" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_flow_that_is_wrong_ends_with_2_and_every_finding(write):
    done = batuta(
        "run", write(LOG.replace("message", "mesage").replace("STRING, defaults", "STRIN, defaults"))
    )

    assert done.returncode == 2
    assert "did you mean `message`?" in done.stderr
    assert "Invalid type: STRIN" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        (["nam=Ada"], "`nam` is not an input of the flow"),
        (["name"], "write `-i name=value`"),
        (["many=x"], "write it as `-i 'many=[1, 2]'`"),
    ],
)
def test_inputs_that_are_wrong_end_with_2(write, pairs, told):
    done = batuta("run", write(LOG), *[part for pair in pairs for part in ("-i", pair)])

    assert done.returncode == 2
    assert told in done.stderr


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    done = batuta("run", tmp_path / "none.yaml")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0].endswith("none.yaml` cannot be read: no such file or directory")


def test_json_is_the_only_thing_printed(write):
    done = batuta("run", write(LOG), "--output", "json")

    document = json.loads(done.stdout)
    assert document["state"] == "SUCCESS"
    assert document["outputs"] == {"name": "WORLD"}
    assert [(run["taskId"], run["state"]) for run in document["taskRuns"]] == [("say", "SUCCESS")]
    assert document["duration"].startswith("PT")


def test_json_says_why_a_run_failed(write):
    flow = write(
        FAIL.replace(
            "tasks:", "tasks:\n  - {id: w, type: io.kestra.plugin.core.log.Log, level: WARN, message: soon}"
        )
    )

    document = json.loads(batuta("run", flow, "-o", "json").stdout)
    good = json.loads(batuta("run", write(LOG), "-o", "json").stdout)

    assert document["error"] == {"taskId": "fail", "message": "no more"}
    assert [(line["level"], line["taskId"]) for line in document["logs"]] == [
        ("WARN", "w"),
        ("ERROR", "fail"),
    ]
    assert (good["error"], good["logs"]) == (None, [])


@pytest.mark.parametrize(
    ("text", "pairs", "code"),
    [
        (LOG.replace("message", "mesage"), [], "flow.unknown-property"),
        (LOG, ["nam=Ada"], "request.invalid-inputs"),
        (LOG, ["name"], "request.invalid-argument"),
    ],
)
def test_json_holds_what_is_invalid_as_check_does(write, text, pairs, code):
    done = batuta("run", write(text), *[part for pair in pairs for part in ("-i", pair)], "-o", "json")

    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (2, "")
    assert document["errors"] == len(document["findings"]) > 0
    assert code in {each["code"] for each in document["findings"]}


def test_inputs_come_from_a_file_and_pairs_win(write):
    text = LOG.replace("outputs:", "outputs:\n  - {id: list, type: JSON, value: '{{ inputs.list }}'}")
    flow = write(text.replace("inputs:\n", "inputs:\n  - {id: list, type: JSON}\n"))
    values = write("name: Grace\nlist: [1, {two: 2}]\n", "values.yaml")

    done = batuta("run", flow, "--inputs-file", values, "-i", "name=Ada", "-o", "json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == {"name": "ADA", "list": [1, {"two": 2}]}


def test_a_file_input_is_given_by_its_path_and_read_in_the_flow(write, tmp_path):
    flow = write(
        """
id: reader
namespace: team
inputs:
  - {id: data, type: FILE}
tasks:
  - {id: read, type: io.kestra.plugin.core.debug.Return, format: "{{ read(inputs.data) }}"}
outputs:
  - {id: content, type: STRING, value: "{{ outputs.read.value }}"}
"""
    )
    data = write("1,2,3\n", "numbers.csv")

    done = batuta("run", flow, "-i", f"data={data}", "-o", "json")
    missing = batuta("run", flow, "-i", f"data={tmp_path}/none.csv")

    assert json.loads(done.stdout)["outputs"] == {"content": "1,2,3\n"}
    assert missing.returncode == 2
    assert "there is no file" in missing.stderr


def test_flows_beside_the_file_are_there_for_subflows(write):
    write(LOG, "hello.yaml")
    write("not: [a, flow", "broken.yaml")
    parent = write(
        """
id: parent
namespace: team
tasks:
  - id: call
    type: io.kestra.plugin.core.flow.Subflow
    namespace: team
    flowId: hello
    inputs: {name: child}
outputs:
  - {id: name, type: STRING, value: "{{ outputs.call.outputs.name }}"}
""",
        "parent.yaml",
    )

    done = batuta("run", parent, "-o", "json")
    told = batuta("run", parent)

    assert json.loads(done.stdout)["outputs"] == {"name": "CHILD"}
    assert "Hello, child!" in told.stdout


def test_nothing_is_left_behind(write, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    batuta("run", write(LOG), cwd=tmp_path, TMPDIR=str(temporary))

    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flow.yaml", "tmp"]


def test_data_keeps_everything_for_a_server_to_show(write, tmp_path):
    done = batuta("run", write(LOG), "--data", tmp_path / "kept", "-o", "json")
    again = batuta("run", write(LOG), "--data", tmp_path / "kept", "-o", "json")

    assert (done.returncode, again.returncode) == (0, 0)
    assert (tmp_path / "kept" / "batuta.db").exists()


def test_ctrl_c_kills_the_execution_with_all_its_processes_and_ends_with_3(write):
    with started(sys.executable, "-m", "batuta", "run", write(SLOW)) as program:
        shell = int(program.wait_for("started").split()[-1])
        below = [psutil.Process(shell), *psutil.Process(shell).children(recursive=True)]

        program.send(signal.SIGINT)

        assert program.end() == 3
        assert "Killing the execution" in program.text
        assert "it was KILLED" in program.text
        assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in below)


def test_a_second_ctrl_c_leaves_at_once(write):
    stubborn = SLOW.replace('"echo started', "\"trap '' TERM; echo started").replace(
        "sleep 600 & wait", "while true; do sleep 1; done"
    )
    with started(sys.executable, "-m", "batuta", "run", write(stubborn)) as program:
        shell = psutil.Process(int(program.wait_for("started").split()[-1]))

        program.send(signal.SIGINT)
        program.wait_for("Killing")
        program.send(signal.SIGINT)

        assert program.end() == 3
        assert not shell.is_running() or shell.status() == psutil.STATUS_ZOMBIE


def test_a_reader_that_goes_away_is_no_reason_for_a_traceback(write):
    command = [sys.executable, "-m", "batuta", "run", str(write(LOG))]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()

        told = program.stderr.read()
        program.wait(PATIENCE_SECONDS)

    assert told == ""


CHECKED = (
    LOG
    + """
checks:
  - {when: "{{ inputs.name != 'nobody' }}", message: somebody is needed, style: ERROR}
  - {when: "{{ inputs.name != 'late' }}", message: too late, behavior: FAIL_EXECUTION}
  - {when: "{{ inputs.name != 'odd' }}", message: that is odd, style: WARNING, behavior: CREATE_EXECUTION}
"""
)


def test_checks_of_the_flow_hold_here_too(write):
    path = write(CHECKED)

    blocked = batuta("run", path, "-i", "name=nobody")
    failed = batuta("run", path, "-i", "name=late")
    noted = batuta("run", path, "-i", "name=odd")

    assert blocked.returncode == 2
    assert "somebody is needed" in blocked.stderr
    assert failed.returncode == 1
    assert "too late" in failed.stdout + failed.stderr
    assert noted.returncode == 0
    assert "that is odd" in noted.stdout + noted.stderr

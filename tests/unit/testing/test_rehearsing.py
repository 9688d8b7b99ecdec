"""Flows rehearsed: real tasks, fixtures in place of others, and time that takes no time."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from batuta.errors import InvalidRequest
from batuta.testing import FixtureNeeded, rehearse
from batuta.testing.rehearsal import Unfinished
from batuta.testing.suite_reader import InvalidSuite

CORE = "io.kestra.plugin.core."


def flow(tasks: str, more: str = "") -> str:
    return f"id: f\nnamespace: acme.team\n{more}tasks:\n{tasks}"


def task(id: str, type: str, **properties: str) -> str:
    return "\n".join(
        [
            f"- id: {id}",
            f"  type: {CORE}{type}",
            *(f"  {name}: {value}" for name, value in properties.items()),
            "",
        ]
    )


def echo(id: str, text: str, **properties: str) -> str:
    return task(id, "debug.Return", format=f'"{text}"', **properties)


def sleep(id: str, duration: str, **properties: str) -> str:
    return task(id, "flow.Sleep", duration=duration, **properties)


# What runs


def test_tasks_without_a_fixture_run_for_real():
    done = rehearse(
        flow(
            echo("hello", "hello {{ inputs.who }}")
            + task("file", "storage.Write", content='"{{ outputs.hello.value }}!"')
            + task("keep", "kv.Set", key="last", value='"{{ outputs.hello.value }}"')
            + echo("seen", "{{ kv('last') }} {{ read(outputs.file.uri) }}"),
            "inputs: [{id: who, type: STRING}]\n",
        ),
        inputs={"who": "Ada"},
    )

    assert done.state == "SUCCESS"
    assert done.outputs["seen"]["value"] == "hello Ada hello Ada!"
    assert done.content(done.outputs["file"]["uri"]) == b"hello Ada!"


def test_a_task_with_a_fixture_does_not_run():
    done = rehearse(
        flow(
            task("call", "http.Request", uri="http://nowhere.invalid")
            + echo("use", "{{ outputs.call.body.a }}")
        ),
        fixtures={"tasks": [{"id": "call", "outputs": {"body": {"a": "{{ 1 + 1 }}"}}}]},
    )

    assert done.runs == {"call": "SUCCESS", "use": "SUCCESS"}
    assert done.outputs["use"]["value"] == "2"


@pytest.mark.parametrize("state", ["SUCCESS", "WARNING", "FAILED", "SKIPPED", "KILLED"])
def test_a_fixture_says_how_its_task_ends(state):
    done = rehearse(flow(echo("a", "x")), fixtures={"tasks": [{"id": "a", "state": state}]})

    assert done.runs == {"a": state}


def test_a_fixture_may_be_for_one_value_of_a_loop():
    loop = task(
        "each", "flow.ForEach", values="[a, b]"
    ) + "  tasks:\n  - {id: say, type: %s, format: real}\n" % (CORE + "debug.Return")

    done = rehearse(
        flow(loop), fixtures={"tasks": [{"id": "say", "value": "b", "outputs": {"value": "pretended"}}]}
    )

    assert done.outputs["say"] == {"a": {"value": "real"}, "b": {"value": "pretended"}}


def test_properties_of_a_task_with_a_fixture_are_not_rendered():
    done = rehearse(flow(echo("a", "{{ outputs.nobody.knows }}")), fixtures={"tasks": [{"id": "a"}]})

    assert done.state == "SUCCESS"


def test_conditions_and_handlers_are_those_of_the_engine():
    done = rehearse(
        flow(echo("a", "x") + echo("b", "y"), "")
        + "errors:\n"
        + echo("told", "{{ errorLogs() | length }}")
        + "finally:\n"
        + echo("last", "z", runIf='"{{ 1 == 2 }}"'),
        fixtures={"tasks": [{"id": "a", "state": "FAILED"}]},
    )

    assert done.runs == {"a": "FAILED", "told": "SUCCESS", "last": "SKIPPED"}
    assert done.outputs["told"]["value"] == "1"
    assert [(line.level, line.task_id, line.message) for line in done.log] == [
        ("ERROR", "a", "`a` fails as its fixture says")
    ]


def test_children_of_a_working_directory_run_or_have_fixtures():
    folder = task("here", "flow.WorkingDirectory", outputFiles="['*.txt']")
    folder += f"""\
  inputFiles: {{a.txt: "{{{{ inputs.text }}}}"}}
  tasks:
  - {{id: mocked, type: {CORE}http.Request, uri: "http://nowhere.invalid"}}
  - {{id: real, type: {CORE}debug.Return, format: "{{{{ outputs.mocked.body }}}}"}}
"""

    done = rehearse(
        flow(folder, "inputs: [{id: text, type: STRING}]\n"),
        inputs={"text": "abc"},
        fixtures={"tasks": [{"id": "mocked", "outputs": {"body": "b"}}]},
    )

    assert done.runs == {"here": "SUCCESS", "mocked": "SUCCESS", "real": "SUCCESS"}
    assert done.outputs["real"]["value"] == "b"
    assert done.content(done.outputs["here"]["outputFiles"]["a.txt"]) == b"abc"


def test_iterations_of_a_loop_have_the_fixtures_of_their_flow():
    loop = task("each", "flow.Loop", values="[1, 2]")
    loop += f"  tasks:\n  - {{id: call, type: {CORE}http.Request, uri: x}}\n"

    done = rehearse(flow(loop), fixtures={"tasks": [{"id": "call"}]})

    assert done.runs == {"each": "SUCCESS"}
    assert done.outputs["each"]["terminatedIterations"] == {"SUCCESS": 2}


# Subflows and other tasks that the engine starts in its own way

CHILD = "id: child\nnamespace: acme.team\ninputs: [{id: n, type: INT}]\ntasks:\n" + echo(
    "double", "{{ inputs.n * 2 }}"
)
CHILD += 'outputs: [{id: twice, type: INT, value: "{{ outputs.double.value }}"}]\n'
CALL = task("call", "flow.Subflow", namespace="acme.team", flowId="child", inputs="{n: 21}")


def test_a_subflow_runs_when_it_is_known():
    done = rehearse(flow(CALL), subflows=[CHILD])

    assert done.outputs["call"]["outputs"] == {"twice": 42}


def test_fixtures_are_not_for_the_tasks_of_subflows():
    child = CHILD.partition("tasks:")[0] + "tasks:\n"
    child += task("each", "flow.Loop", values="[1]")
    child += f"  tasks: [{{id: same, type: {CORE}debug.Return, format: real}}]\n"
    child += "  outputs: [{id: v, type: STRING, value: '{{ outputs.same.value }}'}]\n"
    child += echo("after", "{{ outputs.each.outputs[0].outputs.v }}")
    child += "outputs: [{id: v, type: STRING, value: '{{ outputs.after.value }}'}]\n"

    done = rehearse(
        flow(echo("same", "real") + CALL),
        fixtures={"tasks": [{"id": "same", "outputs": {"value": "pretended"}}]},
        subflows=[child],
    )

    assert done.outputs["same"]["value"] == "pretended"
    assert done.outputs["call"]["outputs"] == {"v": "real"}, done.log


def test_a_subflow_with_a_fixture_is_not_looked_for():
    done = rehearse(
        flow(CALL + echo("use", "{{ outputs.call.outputs.twice }}")),
        fixtures={"tasks": [{"id": "call", "outputs": {"outputs": {"twice": 7}}}]},
    )

    assert done.outputs["use"]["value"] == "7"


def test_a_subflow_that_is_not_known_fails_as_on_a_server():
    done = rehearse(flow(CALL))

    assert done.runs == {"call": "FAILED"}
    assert done.log[-1].message.startswith("Unable to find flow 'acme.team'.'child'")


def test_items_of_a_file_go_to_a_subflow_in_batches():
    each = task(
        "each",
        "flow.ForEachItem",
        items='"{{ inputs.file }}"',
        batch="{rows: 2}",
        namespace="acme.team",
        flowId="count",
        inputs='{rows: "{{ taskrun.items }}"}',
    )
    counter = "id: count\nnamespace: acme.team\ninputs: [{id: rows, type: FILE}]\ntasks:\n" + echo(
        "count", "{{ read(inputs.rows) | trim | split('\\\\n') | length }}"
    )

    done = rehearse(
        flow(each, "inputs: [{id: file, type: FILE}]\n"),
        inputs={"file": "{{ files['rows.txt'] }}"},
        fixtures={"files": {"rows.txt": "a\nb\nc\n"}},
        subflows=[counter],
    )

    assert done.state == "SUCCESS", done.log
    assert done.outputs["each_split"]["splits"]


def test_a_pause_with_a_fixture_is_over_at_once():
    done = rehearse(
        flow(
            task("wait", "flow.Pause", onResume="[{id: ok, type: BOOLEAN}]")
            + echo("use", "{{ outputs.wait.onResume.ok }}")
        ),
        fixtures={"tasks": [{"id": "wait", "outputs": {"onResume": {"ok": True}}}]},
    )

    assert done.outputs["use"]["value"] == "true"


def test_a_pause_without_end_is_told():
    with pytest.raises(
        Unfinished, match=r"the execution is PAUSED at `wait`, and nobody resumes it"
    ) as caught:
        rehearse(flow(task("wait", "flow.Pause")))

    assert caught.value.mend == "give `wait` a fixture with what it gives: `{id: wait, outputs: {...}}`"


# Time


def test_time_passes_at_once():
    begun = time.monotonic()

    done = rehearse(
        flow(
            echo("before", "{{ now() }}")
            + sleep("night", "P30D")
            + task("pause", "flow.Pause", pauseDuration="PT6H")
            + echo("after", "{{ now() }}")
        ),
        now=datetime(2026, 2, 1, tzinfo=UTC),
    )

    assert done.duration == timedelta(days=30, hours=6)
    assert done.outputs["before"]["value"].startswith("2026-02-01T00:00")
    assert done.outputs["after"]["value"].startswith("2026-03-03T06:00")
    assert time.monotonic() - begun < 5


def test_tasks_at_the_same_time_take_the_time_of_the_longest():
    both = task("both", "flow.Parallel") + "  tasks:\n"
    both += "".join(f"  - {{id: s{n}, type: {CORE}flow.Sleep, duration: PT{n}H}}\n" for n in (1, 2, 3))

    done = rehearse(flow(both))

    assert done.duration == timedelta(hours=3)


def test_retries_and_their_intervals_take_no_time():
    retried = echo("a", "ok", retry="{type: constant, interval: PT1H, maxAttempts: 3}")

    done = rehearse(
        flow(retried),
        fixtures={"tasks": [{"id": "a", "attempts": [{"state": "FAILED"}, {"state": "FAILED"}, {}]}]},
    )

    assert done.attempts_of("a") == ["FAILED", "FAILED", "SUCCESS"]
    assert done.duration == timedelta(hours=2)


def test_a_failed_flow_is_tried_again_as_a_new_execution():
    more = "retry: {type: constant, interval: PT1H, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}\n"

    done = rehearse(flow(echo("a", "x"), more), fixtures={"tasks": [{"id": "a", "state": "FAILED"}]})

    assert (done.state, done.execution.attempt_number) == ("FAILED", 2)
    assert done.duration == timedelta(hours=1)


def test_timeouts_end_tasks_that_take_too_long():
    done = rehearse(
        flow(
            sleep("real", "PT1H", timeout="PT1M", allowFailure="true") + echo("mocked", "x", timeout="PT2M")
        ),
        fixtures={"tasks": [{"id": "mocked", "duration": "PT3M"}]},
    )

    assert done.runs == {"real": "WARNING", "mocked": "FAILED"}
    assert done.duration == timedelta(minutes=3)
    assert [line.message for line in done.log] == ["Timeout after 00:01:00.000", "Timeout after 00:02:00.000"]


def test_an_sla_ends_an_execution_that_takes_too_long():
    done = rehearse(
        flow(sleep("a", "PT2H"), "sla: [{id: s, type: MAX_DURATION, duration: PT1H, behavior: FAIL}]\n")
    )

    assert done.state == "FAILED"
    assert done.duration == timedelta(hours=1)


def test_an_execution_without_an_end_is_given_up():
    loop = task(
        "again",
        "flow.LoopUntil",
        condition='"{{ false }}"',
        checkFrequency="{interval: PT1S, maxIterations: 1000000, maxDuration: P300D}",
    )
    loop += f"  tasks: [{{id: a, type: {CORE}debug.Return, format: x}}]\n"

    with pytest.raises(Unfinished, match=r"the execution is still [A-Z]+ after 0.3 seconds of real time"):
        rehearse(flow(loop), most_seconds=0.3)


# What a test starts from


def test_a_test_brings_its_own_secrets_entries_files_and_names():
    done = rehearse(
        flow(
            echo("a", "{{ secret('KEY') }} {{ kv('k').n }} {{ envs.stage }} {{ globals.team.name }}")
            + echo("b", "{{ read('data/x.txt') }} {{ read(files['in.csv']) }}")
            + task("c", "log.Log", message="\"{{ secret('KEY') }}\"", level="WARN")
        ),
        fixtures={
            "secrets": {"KEY": "hush-hush"},
            "kv": {"k": {"n": 5}},
            "envs": {"stage": "test"},
            "globals": {"team": {"name": "blue"}},
            "files": {"in.csv": "1,2"},
            "namespaceFiles": {"data/x.txt": "X"},
        },
    )

    assert done.outputs["a"]["value"] == "hush-hush 5 test blue"
    assert done.outputs["b"]["value"] == "X 1,2"


def test_a_trigger_can_be_pretended():
    done = rehearse(
        flow(
            echo("a", "{{ trigger.body.name }}"),
            f"triggers: [{{id: hook, type: {CORE}trigger.Webhook, key: k}}]\n",
        ),
        fixtures={
            "trigger": {
                "id": "hook",
                "type": CORE + "trigger.Webhook",
                "variables": {"body": {"name": "{{ 1 + 2 }}"}},
            }
        },
    )

    assert done.outputs["a"]["value"] == "3"


def test_executions_of_tests_say_that_they_are():
    done = rehearse(flow(echo("a", "{{ labels.system.test }}")))

    assert (done.execution.kind, done.labels["system.test"], done.outputs["a"]["value"]) == (
        "TEST",
        "true",
        "true",
    )


def test_secret_inputs_work_as_on_a_server():
    done = rehearse(
        flow(echo("a", "{{ inputs.token | length }}"), "inputs: [{id: token, type: SECRET}]\n"),
        inputs={"token": "abcdef"},
    )

    assert done.outputs["a"]["value"] == "6"


def test_wrong_inputs_are_refused():
    with pytest.raises(InvalidRequest, match=r"Missing required input:n"):
        rehearse(flow(echo("a", "x"), "inputs: [{id: n, type: INT}]\n"))


def test_wrong_fixtures_are_refused():
    with pytest.raises(InvalidSuite, match=r"`b` is not a task of the flow acme.team.f"):
        rehearse(flow(echo("a", "x")), fixtures={"tasks": [{"id": "b"}]})


# What is held back


def test_a_task_cannot_reach_the_network():
    with pytest.raises(FixtureNeeded) as caught:
        rehearse(flow(task("call", "http.Request", uri="http://127.0.0.1:9/", allowFailure="true")))

    assert str(caught.value) == (
        "`call` (io.kestra.plugin.core.http.Request) would reach the network, which is blocked in tests\n"
        "  fix: say what it gives with `fixtures: {tasks: [{id: call, outputs: {...}}]}`, "
        "or allow it with `--allow-network`"
    )


def test_an_expression_cannot_reach_the_network():
    with pytest.raises(FixtureNeeded, match=r"`http\(\)` in an expression would reach the network"):
        rehearse(flow(echo("a", "{{ http('http://127.0.0.1:9/') }}")))


def test_a_task_cannot_start_a_process():
    shell = "- id: sh\n  type: io.kestra.plugin.scripts.shell.Commands\n  commands: [echo hi]\n"
    shell += f"  taskRunner: {{type: {CORE}runner.Process}}\n"

    with pytest.raises(FixtureNeeded, match=r"`sh` .* would start a process"):
        rehearse(flow(shell))


def test_processes_run_when_they_are_allowed():
    shell = "- id: sh\n  type: io.kestra.plugin.scripts.shell.Commands\n"
    shell += '  commands:\n  - |\n    echo \'::{"outputs":{"a":1}}::\'\n'
    shell += f"  taskRunner: {{type: {CORE}runner.Process}}\n"

    done = rehearse(flow(shell + sleep("nap", "P1D")), allow_processes=True)

    assert done.state == "SUCCESS", done.log
    assert done.outputs["sh"]["vars"] == {"a": 1}
    assert timedelta(days=1) <= done.duration < timedelta(days=1, minutes=1)


def test_the_network_is_reached_when_it_is_allowed():
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hi")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/"
        done = rehearse(
            flow(
                sleep("nap", "P2D")
                + task("call", "http.Request", uri=uri)
                + task("file", "http.Download", uri=uri)
            ),
            allow_network=True,
        )
        server.shutdown()

    assert done.state == "SUCCESS", done.log
    assert (done.outputs["call"]["body"], done.content(done.outputs["file"]["uri"])) == ("hi", b"hi")


def test_a_process_that_hangs_is_ended_by_its_timeout():
    shell = "- id: sh\n  type: io.kestra.plugin.scripts.shell.Commands\n"
    shell += "  commands: [sleep 60]\n  timeout: PT0.3S\n"
    shell += f"  taskRunner: {{type: {CORE}runner.Process}}\n"

    done = rehearse(flow(shell), allow_processes=True)

    assert done.runs == {"sh": "FAILED"}
    assert done.log[-1].message == "Timeout after 00:00:00.300"


def test_a_task_that_looks_at_other_executions_needs_a_fixture():
    count = task(
        "count",
        "execution.Count",
        namespaces="[a]",
        startDate="'2026-01-01T00:00:00Z'",
        expression='"{{ count > 0 }}"',
    )

    with pytest.raises(FixtureNeeded, match=r"`count` .* would look at or change what only a server has"):
        rehearse(flow(count))


# The same again


def test_the_same_rehearsal_gives_the_same():
    source = flow(
        echo("a", "{{ uuid() }} {{ randomInt(lower=0, upper=1000000) }}")
        + task("w", "storage.Write", content="x")
        + task("s", "storage.Split", **{"from": '"{{ outputs.w.uri }}"', "rows": "1"})
    )

    first, second = rehearse(source), rehearse(source)

    assert first.outputs == second.outputs
    assert first.execution == second.execution


async def test_it_can_be_called_where_a_loop_runs():
    done = rehearse(flow(sleep("a", "PT1H")))

    assert done.state == "SUCCESS"
    assert asyncio.get_running_loop().is_running()

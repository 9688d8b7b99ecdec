"""Script tasks: the order of things, the protocol, files, environments (plugins spec B1 to B5)."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys

import pytest

from batuta.model.state import State
from batuta.model.task import LogLevel

PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}


def commands(*lines, **more):
    return {"type": "scripts.shell.Commands", "taskRunner": PROCESS, "commands": list(lines), **more}


def python(script, **more):
    return {"type": "scripts.python.Script", "taskRunner": PROCESS, "script": script, **more}


async def test_commands_share_one_shell(shop):
    outcome = await shop.run(
        commands("cd sub || mkdir sub && cd sub", "pwd > ../where.txt", outputFiles=["where.txt"])
    )

    assert (await shop.content(outcome.outputs["outputFiles"]["where.txt"])).strip().endswith(b"/sub")


async def test_the_first_failure_ends_the_commands(shop):
    outcome = await shop.run(commands("false", "echo no"))

    assert (outcome.state, outcome.outputs["exitCode"]) == (State.FAILED, 1)
    assert await shop.log() == ["ERROR Command failed with exit code 1"]


async def test_without_fail_fast_the_last_command_decides(shop):
    outcome = await shop.run(commands("false", "echo yes", failFast=False))

    assert outcome.state is State.SUCCESS
    assert await shop.log() == ["INFO yes"]


async def test_before_commands_run_in_the_same_shell(shop):
    await shop.run(commands('echo "$GREETING"', beforeCommands=["GREETING=hello"]))

    assert await shop.log() == ["INFO hello"]


async def test_a_failed_script_keeps_what_it_said_and_wrote(shop):
    outcome = await shop.run(
        commands('echo \'::{"outputs":{"rows":7}}::\'', "echo x > a.txt", "exit 3", outputFiles=["*.txt"])
    )

    assert outcome.state is State.FAILED
    assert outcome.outputs["vars"] == {"rows": 7}
    assert outcome.outputs["exitCode"] == 3
    assert await shop.content(outcome.outputs["outputFiles"]["a.txt"]) == b"x\n"


async def test_messages_become_outputs_metrics_and_logs_and_are_not_logged(shop):
    outcome = await shop.run(
        commands(
            'echo \'::{"outputs":{"a":1,"b":"x"}}::\'',
            'echo \'::{"outputs":{"a":2,"c":[1,{"d":null}]}}::\' >&2',
            'echo \'::{"metrics":[{"name":"loaded","type":"counter","value":12,"tags":{"t":"a"}},'
            '{"name":"took","type":"timer","value":"PT1.5S"},{"name":"level","type":"gauge","value":0.5}]}::\'',
            'echo \'::{"logs":[{"level":"WARN","message":"slow"}]}::\'',
            "echo '::{\"assets\":[1]}::'",
            'echo \'x ::{"outputs":{"z":1}}::\'',
            "echo '::{broken}::'",
            "echo oops >&2",
        )
    )

    assert outcome.state is State.SUCCESS
    assert outcome.outputs["vars"] == {"a": 2, "b": "x", "c": [1, {"d": None}]}
    assert await shop.metrics() == [
        ("loaded", "counter", 12.0, {"t": "a"}),
        ("took", "timer", 1.5, {}),
        ("level", "gauge", 0.5, {}),
    ]
    assert sorted(await shop.log()) == [
        "ERROR oops",
        'INFO x ::{"outputs":{"z":1}}::',
        "WARN Invalid outputs '{broken}'",
        "WARN slow",
    ]


async def test_variables_of_the_environment_are_text(shop):
    await shop.run(
        commands(
            'echo "$LIST $NUMBER [$NOTHING] $TRUE"',
            env={"LIST": "{{ inputs.list }}", "NUMBER": 12, "NOTHING": None, "TRUE": True},
        ),
        inputs={"list": ["brand", "price"]},
    )

    assert await shop.log() == ['INFO ["brand","price"] 12 [] true']


async def test_input_files_are_contents_or_stored_files(shop):
    stored = await shop.put("data.json", '{"a":1}')

    await shop.run(
        commands(
            "cat data.json notes/plain.txt; ls",
            inputFiles={"data.json": stored, "notes/plain.txt": "Hello {{ inputs.name }}\n", "empty": None},
        ),
        inputs={"name": "Will"},
    )

    assert await shop.log() == ['INFO {"a":1}Hello Will', "INFO data.json", "INFO empty", "INFO notes"]


async def test_input_files_may_come_as_json_text(shop):
    await shop.run(commands("cat a.txt", inputFiles='{"a.txt": "from text"}'))

    assert await shop.log() == ["INFO from text"]


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt"])
async def test_an_input_file_cannot_lie_outside_the_working_directory(shop, name):
    outcome = await shop.run(commands("true", inputFiles={name: "x"}))

    assert outcome.state is State.FAILED
    assert f"inputFiles: `{name}` is not a path inside the working directory" in (await shop.log())[0]


async def test_an_input_file_cannot_be_written_through_a_link(shop):
    shared = [
        {"id": "link", **commands("ln -s / root")},
        {"id": "write", **commands("true", inputFiles={"root/tmp/evil.txt": "x"})},
    ]

    outcome = await shop.run({"type": "core.flow.WorkingDirectory", "tasks": shared})

    assert outcome.state is State.FAILED


async def test_a_missing_stored_file_fails_the_task(shop):
    outcome = await shop.run(commands("true", inputFiles={"a": "kestra:///company/team/x/none.txt"}))

    assert outcome.state is State.FAILED
    assert "There is no file `kestra:///company/team/x/none.txt`" in (await shop.log())[0]


async def test_files_of_the_host_are_closed(shop):
    outcome = await shop.run(commands("true", inputFiles={"a": "file:///etc/passwd"}))

    assert outcome.state is State.FAILED
    assert "may not be used: it is not below a folder that is open to flows" in (await shop.log())[0]


TREE = "mkdir -p sub/deep; touch a.csv b.txt .hidden.csv sub/c.csv sub/deep/d.csv 'x y.csv'"


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["*.csv"], [".hidden.csv", "a.csv", "x y.csv"]),
        (["**/*.csv"], ["sub/c.csv", "sub/deep/d.csv"]),
        (["**.csv"], [".hidden.csv", "a.csv", "sub/c.csv", "sub/deep/d.csv", "x y.csv"]),
        (["sub/**"], ["sub/c.csv", "sub/deep/d.csv"]),
        (["{a,b}.*"], ["a.csv", "b.txt"]),
        (["?.csv", "[b-z].txt"], ["a.csv", "b.txt"]),
        (["regex:.*/sub/[cd].csv"], ["sub/c.csv"]),
        (["b.txt", "none.txt"], ["b.txt"]),
        ([], []),
    ],
)
async def test_output_files_are_found_by_anchored_globs(shop, patterns, found):
    outcome = await shop.run(commands(TREE, outputFiles=patterns))

    assert sorted(outcome.outputs["outputFiles"]) == found


async def test_names_of_kept_files_do_not_collide_and_have_no_blanks(shop):
    outcome = await shop.run(commands(TREE, "touch sub/a.csv", outputFiles=["**.csv"]))

    uris = outcome.outputs["outputFiles"]
    assert len(set(uris.values())) == len(uris)
    assert uris["x y.csv"].endswith("-x+y.csv")
    assert "/company/team/nightly-load/executions/" in uris["a.csv"]


async def test_declared_output_files_have_a_path_in_the_script(shop):
    outcome = await shop.run(commands("echo hi > {{ outputFiles['out.txt'] }}", outputFiles=["out.txt"]))

    assert await shop.content(outcome.outputs["outputFiles"]["out.txt"]) == b"hi\n"


async def test_the_output_directory_is_kept_as_a_whole(shop):
    outcome = await shop.run(
        commands(
            'mkdir "$OUTPUT_DIR/sub"; echo 1 > {{ outputDir }}/a.txt; echo 2 > $OUTPUT_DIR/sub/b.txt',
            outputDirectory=True,
        )
    )

    assert sorted(outcome.outputs["outputFiles"]) == ["a.txt", "sub/b.txt"]


async def test_stored_files_named_in_commands_become_local_paths(shop):
    stored = await shop.put("data.csv", "a,b\n")

    await shop.run(
        commands("cat {{ inputs.file }}", 'echo "{{ inputs.file }}" | grep -c kestra || true'),
        inputs={"file": stored},
    )

    assert await shop.log() == ["INFO a,b", "INFO 0"]


async def test_a_long_script_is_no_problem(shop):
    outcome = await shop.run(
        {"type": "scripts.shell.Script", "taskRunner": PROCESS, "script": ": " + "x" * 300_000 + "\necho ok"}
    )

    assert outcome.state is State.SUCCESS
    assert await shop.log() == ["INFO ok"]


async def test_a_result_of_an_expression_is_not_an_expression(shop):
    await shop.run(commands("echo '{{ inputs.text }}'"), inputs={"text": "{{ 1 + 1 }}"})

    assert await shop.log() == ["INFO {{ 1 + 1 }}"]


async def test_the_runner_by_default_is_a_process_where_no_engine_answers(shop, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    outcome = await shop.run({"type": "scripts.shell.Commands", "commands": ["echo hi"]})

    lines = [stored.line.message for stored in await shop.stored_lines()]
    assert outcome.state is State.SUCCESS
    assert lines == [
        "Runs as a process of the worker: no Docker engine answers at unix:///nowhere/docker.sock",
        "hi",
    ]


async def test_docker_by_name_fails_where_no_engine_answers(shop):
    runner = {"type": "io.kestra.plugin.scripts.runner.docker.Docker", "host": "unix:///nowhere/docker.sock"}

    outcome = await shop.run(
        {"type": "scripts.shell.Commands", "taskRunner": runner, "commands": ["echo hi"]}
    )

    (line,) = await shop.log()
    assert outcome.state is State.FAILED
    assert line.startswith(
        "ERROR no Docker engine answers at unix:///nowhere/docker.sock\n  fix: mount the engine's socket"
    )


async def test_the_older_runner_property_is_understood(shop):
    outcome = await shop.run(
        {"type": "scripts.shell.Commands", "runner": "PROCESS", "commands": ["echo 1 > {{ outputDir }}/a"]}
    )

    assert list(outcome.outputs["outputFiles"]) == ["a"]


async def test_python_finds_its_neighbours_and_reports(shop):
    outcome = await shop.run(
        python(
            "import neighbour, json\nprint('::' + json.dumps({'outputs': {'x': neighbour.X}}) + '::')",
            inputFiles={"neighbour.py": "X = 5"},
        )
    )

    assert outcome.outputs["vars"] == {"x": 5}


async def test_braces_pass_through_where_they_are_raw(shop):
    await shop.run(python("{% raw %}print('{{ x }}'){% endraw %}"))

    assert await shop.log() == ["INFO {{ x }}"]


async def test_rendered_json_is_python(shop):
    await shop.run(
        python('"""doc"""\nfrom __future__ import annotations\nrow = {{ inputs.row }}\nprint(row, null)'),
        inputs={"row": {"a": True, "c": [False]}},
    )

    assert await shop.log() == ["INFO {'a': True, 'c': [False]} None"]


async def test_an_error_in_a_script_names_its_own_line(shop):
    outcome = await shop.run(python("x = 1\nraise SystemExit(4)"))

    assert outcome.outputs["exitCode"] == 4


async def test_python_commands_find_python(shop):
    outcome = await shop.run(
        {
            "type": "scripts.python.Commands",
            "taskRunner": PROCESS,
            "inputFiles": {"main.py": "print('hello')"},
            "commands": ["python main.py", "python3 main.py"],
        }
    )

    assert outcome.state is State.SUCCESS
    assert await shop.log() == ["INFO hello", "INFO hello"]


@pytest.mark.parametrize(
    ("program", "document"),
    [
        (
            "node",
            {
                "type": "scripts.node.Script",
                "script": "console.log('::' + JSON.stringify({outputs: {n: 1}}) + '::')",
            },
        ),
        ("perl", {"type": "scripts.perl.Script", "script": 'print \'::{"outputs":{"n":1}}::\';'}),
    ],
)
async def test_other_languages_speak_the_protocol(shop, program, document):
    if shutil.which(program) is None:
        outcome = await shop.run({**document, "taskRunner": PROCESS})
        assert outcome.outputs["exitCode"] == 127
        return

    outcome = await shop.run({**document, "taskRunner": PROCESS})

    assert outcome.outputs["vars"] == {"n": 1}


@pytest.fixture
def package(tmp_path):
    """A package that can be installed without a network."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "greeting.py").write_text("WORD = 'hello'\n")
    wheel = tmp_path / "greeting-1.0-py3-none-any.whl"
    info = "greeting-1.0.dist-info"
    script = f"""
import zipfile
with zipfile.ZipFile({str(wheel)!r}, 'w') as z:
    z.writestr('greeting.py', "WORD = 'hello'\\n")
    z.writestr('{info}/METADATA', 'Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n')
    z.writestr('{info}/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr('{info}/RECORD', '')
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    return f"greeting @ file://{wheel}"


async def test_dependencies_can_be_imported_and_their_environment_is_built_once(shop, package):
    document = python("import greeting, sys\nprint(greeting.WORD)", dependencies=[package])

    first, second = await asyncio.gather(shop.attempt(document).run(), shop.attempt(document).run())
    third = await shop.run(document)

    assert [first.state, second.state, third.state] == [State.SUCCESS] * 3
    assert await shop.log() == ["INFO hello"]
    built = list((shop.settings.data_dir / "cache" / "environments").glob("*/.ready"))
    assert len(built) == 1


async def test_two_attempts_that_ask_at_once_build_one_environment(shop, package):
    document = python("import greeting", dependencies=[package])
    attempts = [shop.attempt(document) for _ in range(2)]

    await asyncio.gather(*(attempt.run() for attempt in attempts))
    await shop.bench.journal.flush()

    installed = 0
    for attempt in attempts:
        lines = await shop.stored_lines(attempt.inputs.execution.id)
        installed += sum(stored.line.message.startswith("Installed greeting") for stored in lines)
    assert installed == 1


async def test_dependencies_that_cannot_be_resolved_fail_before_the_script(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_OFFLINE", "1")

    outcome = await shop.run(
        python("print('never')", dependencies=[f"nothing @ file://{tmp_path}/nothing-1.0-py3-none-any.whl"])
    )

    lines = await shop.log(LogLevel.INFO)
    assert outcome.state is State.FAILED
    assert lines[0].startswith("ERROR The Python environment could not be made:")
    assert "INFO never" not in lines


async def test_a_script_runs_in_a_folder_of_its_own_that_is_gone_afterwards(shop):
    outcome = await shop.run(commands("pwd; chmod 000 .; touch x || true"))

    (line,) = await shop.log(LogLevel.INFO)
    folder = line.removeprefix("INFO ")
    assert outcome.state is State.SUCCESS
    assert folder.startswith(str(shop.settings.data_dir))
    assert list((shop.settings.data_dir / "tmp").iterdir()) == []


async def test_secrets_are_masked_in_the_log(shop, monkeypatch):
    import base64

    monkeypatch.setenv("SECRET_TOKEN", base64.b64encode(b"very-secret-1").decode())
    from batuta.secrets.environment import EnvironmentSecrets

    shop.ports.secrets = EnvironmentSecrets()
    await shop.run(commands("echo token: {{ secret('TOKEN') }}"))

    assert await shop.log() == ["INFO token: ******"]

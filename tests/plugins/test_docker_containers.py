"""The Docker runner with real containers of a real engine (plugins spec B6.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from zipfile import ZipFile

import pytest

from batuta.model.state import State
from tests.journeys.processes import serving
from tests.support.services.docker import docker, why_not
from tests.support.workshop import Workshop, workshop

RUNNER = "io.kestra.plugin.scripts.runner.docker.Docker"
REASON = why_not()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=f"no container can be started here: {REASON}"),
]


@pytest.fixture(scope="module")
def started():
    with docker() as engine:
        engine.load("ubuntu:latest")
        engine.load("python:slim", python=True)
        engine.load("greeter:1", changes=['ENTRYPOINT ["/bin/echo", "hello from the image"]'])
        yield engine


@pytest.fixture
def engine(started):
    yield started
    started.remove_containers()


class Files(SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, *arguments: object) -> None:
        pass


class Containers:
    """Writes tasks that run in containers, and runs them."""

    def __init__(self, shop: Workshop, host: str) -> None:
        self.shop = shop
        self.host = host

    def task(self, *lines: str, runner: dict | None = None, **more):
        docker = {"type": RUNNER, "host": self.host, **(runner or {})}
        return {"type": "scripts.shell.Commands", "taskRunner": docker, "commands": list(lines), **more}

    async def run(self, *lines: str, **more):
        return await self.shop.run(self.task(*lines, **more))

    async def lines(self) -> list[str]:
        return await self.shop.log()


@pytest.fixture
def containers(shop, engine) -> Containers:
    return Containers(shop, engine.host)


async def until_running(engine, count: int = 1) -> list[dict]:
    async with asyncio.timeout(60):
        while len(found := [each for each in engine.containers() if each["State"] == "running"]) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


def wait_for(holds: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def running_container(engine) -> str:
    wait_for(lambda: [each for each in engine.containers() if each["State"] == "running"])
    return engine.containers()[0]["Id"]


def ended(server, execution: str) -> bool:
    state = server.api.get(f"executions/{execution}").json()["state"]["current"]
    return state in ("SUCCESS", "FAILED", "KILLED")


async def test_files_go_in_output_comes_out_and_files_come_back(containers, engine):
    outcome = await containers.run(
        "cat in.txt; echo; echo bad >&2; pwd; echo $WORKING_DIR",
        'echo \'::{"outputs":{"a":1}}::\'',
        "mkdir -p sub/deep; echo $GREETING > sub/deep/out.txt; printf 'no end of line'",
        inputFiles={"in.txt": "hello"},
        env={"GREETING": "hi"},
        outputFiles=["**.txt"],
    )

    assert outcome.state is State.SUCCESS, await containers.lines()
    said = await containers.lines()
    assert "ERROR bad" in said
    told = [line.removeprefix("INFO ") for line in said if line.startswith("INFO ")]
    assert sorted(told) == sorted(["hello", "no end of line", *[each for each in told if each[0] == "/"]])
    assert len(told) == 4
    assert outcome.outputs["vars"] == {"a": 1}
    assert len(outcome.outputs["taskRunner"]["containerId"]) == 64
    assert await containers.shop.content(outcome.outputs["outputFiles"]["sub/deep/out.txt"]) == b"hi\n"
    assert engine.containers() == []


async def test_a_failed_script_fails_the_task_and_keeps_its_files(containers, engine):
    outcome = await containers.run("echo x > a.txt", "exit 3", outputFiles=["*.txt"])

    assert (outcome.state, outcome.outputs["exitCode"]) == (State.FAILED, 3)
    assert list(outcome.outputs["outputFiles"]) == ["a.txt"]
    assert engine.containers() == []


async def test_a_kill_ends_and_removes_the_container_within_five_seconds(containers, engine):
    attempt = containers.shop.attempt(containers.task("sleep 600"))
    running = asyncio.create_task(attempt.run())
    await until_running(engine)

    since = time.monotonic()
    attempt.kill()

    assert (await running).state is State.KILLED
    assert time.monotonic() - since < 5
    assert engine.containers() == []


async def test_a_grace_period_lets_the_script_clean_up(containers, engine):
    attempt = containers.shop.attempt(
        containers.task(
            "trap 'echo cleaned up; exit 0' TERM; sleep 600 & wait", runner={"killGracePeriod": "PT20S"}
        )
    )
    running = asyncio.create_task(attempt.run())
    await until_running(engine)
    await asyncio.sleep(0.3)

    since = time.monotonic()
    attempt.kill()

    assert (await running).state is State.KILLED
    assert time.monotonic() - since < 15
    assert engine.containers() == []


async def test_a_timeout_ends_and_removes_the_container(containers, engine):
    outcome = await containers.run("sleep 600", timeout="PT2S")

    assert outcome.state is State.FAILED
    assert engine.containers() == []


async def test_entry_points(containers):
    cleared = await containers.run("echo cleared", containerImage="greeter:1")
    (line,) = await containers.lines()
    assert (cleared.state, line) == (State.SUCCESS, "INFO cleared")

    await containers.run("echo given", containerImage="greeter:1", runner={"entryPoint": []})
    assert (await containers.lines())[0].startswith("INFO hello from the image /bin/sh -c")

    await containers.run("true", containerImage="greeter:1", runner={"entryPoint": ["/bin/echo", "ours"]})
    assert (await containers.lines())[0].startswith("INFO ours /bin/sh -c")


async def test_limits_reach_the_engine(containers, engine):
    limits = {
        "cpu": {"cpus": 0.5},
        "memory": {"memory": "64MB", "memorySwap": "64MB", "memoryReservation": "32MB"},
        "shmSize": "8MB",
        "delete": False,
    }

    outcome = await containers.run("true", runner=limits)

    assert outcome.state is State.SUCCESS, await containers.lines()
    made = engine.inspect(outcome.outputs["taskRunner"]["containerId"])["HostConfig"]
    assert (made["NanoCpus"], made["Memory"]) == (500_000_000, 64 * 2**20)
    assert (made["MemoryReservation"], made["ShmSize"]) == (32 * 2**20, 8 * 2**20)


async def test_a_script_that_takes_more_memory_than_it_may_fails(containers):
    outcome = await containers.run(
        "python -c 'x = bytearray(200 * 2**20); print(len(x))'",
        runner={"memory": {"memory": "32MB", "memorySwap": "32MB"}},
        containerImage="python:slim",
    )

    assert (outcome.state, outcome.outputs["exitCode"]) == (State.FAILED, 137)


async def test_another_user_may_write_in_the_working_directory(containers):
    outcome = await containers.run(
        "id -u; cat in.txt; echo mine > out.txt; echo more >> in.txt",
        runner={"user": "1000"},
        inputFiles={"in.txt": "hello\n"},
        outputFiles=["out.txt"],
    )

    assert outcome.state is State.SUCCESS, await containers.lines()
    assert await containers.lines() == ["INFO 1000", "INFO hello"]


async def test_the_network_of_the_host(containers, tmp_path: Path):
    (tmp_path / "word").write_text("from the host")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        fetch = f"urlopen('http://127.0.0.1:{server.server_port}/word').read().decode()"
        outcome = await containers.run(
            f'python -c "from urllib.request import urlopen; print({fetch})"',
            runner={"networkMode": "host"},
            containerImage="python:slim",
        )
        server.shutdown()

    assert outcome.state is State.SUCCESS, await containers.lines()
    assert await containers.lines() == ["INFO from the host"]


async def test_a_volume_that_the_operator_has_not_opened_is_left_out(containers):
    outcome = await containers.run("ls /outside || echo not there", runner={"volumes": ["/etc:/outside"]})

    assert outcome.state is State.SUCCESS
    said = await containers.lines()
    assert said[0].startswith("WARN The volume `/etc:/outside` is left out: `/etc` may not be used")
    assert "INFO not there" in said


async def test_a_volume_that_the_operator_has_opened_is_mounted(engine, tmp_path: Path):
    folder = tmp_path / "opened"
    folder.mkdir()
    (folder / "word").write_text("from outside")

    async with workshop(tmp_path / "data", local_paths=str(folder)) as shop:
        containers = Containers(shop, engine.host)
        runner = {"volumes": [f"{folder}:/outside:ro", "/etc:/other"]}
        outcome = await containers.run("cat /outside/word; touch /outside/x || ls /other", runner=runner)
        said = await containers.lines()

    assert outcome.state is State.FAILED
    assert "INFO from outside" in said, said
    assert any("Read-only file system" in line for line in said)


PATIENT = """
id: patient
namespace: company.team
tasks:
  - id: wait
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: {runner}
      host: {host}
    outputFiles: [out.txt]
    commands:
      - echo begun
      - while [ -e /root ]; do sleep 0.1; done
      - echo kept > out.txt
      - |
        printf '::{{"outputs":{{"a":1}}}}::'
"""


def test_a_container_outlives_its_server_and_the_next_one_goes_on_with_it(engine, tmp_path: Path):
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "patient.yaml").write_text(PATIENT.format(runner=RUNNER, host=engine.host))
    with serving(tmp_path / "data", "--flow-path", flows) as first:
        execution = first.api.post("executions/company.team/patient", files={"none": (None, "")}).json()["id"]
        container = running_container(engine)
        first.process.kill()
        first.process.wait()

    with serving(tmp_path / "data") as second:
        wait_for(lambda: "Goes on with" in second.api.get(f"logs/{execution}/download").text)
        engine.execute(container, "mv", "/root", "/gone")
        wait_for(lambda: ended(second, execution))
        log = second.api.get(f"logs/{execution}/download").text
        (run,) = second.api.get(f"executions/{execution}").json()["taskRunList"]

    assert run["state"]["current"] == "SUCCESS"
    assert run["outputs"]["taskRunner"]["containerId"] == container
    assert run["outputs"]["vars"] == {"a": 1}
    assert "begun" in log
    assert list(run["outputs"]["outputFiles"]) == ["out.txt"]
    assert engine.containers() == []


async def test_files_by_a_mounted_folder(containers):
    outcome = await containers.run(
        "cat in.txt; echo out > out.txt",
        runner={"fileHandlingStrategy": "MOUNT"},
        inputFiles={"in.txt": "hello\n"},
        outputFiles=["out.txt"],
    )

    assert outcome.state is State.SUCCESS, await containers.lines()
    assert await containers.shop.content(outcome.outputs["outputFiles"]["out.txt"]) == b"out\n"


async def test_a_script_that_is_not_waited_for_goes_on(containers, engine):
    outcome = await containers.run("sleep 600", runner={"wait": False})

    assert (outcome.state, outcome.outputs["exitCode"]) == (State.SUCCESS, 0)
    assert [each["Id"] for each in await until_running(engine)] == [
        outcome.outputs["taskRunner"]["containerId"]
    ]


async def test_the_labels_of_a_container_say_whose_it_is(containers, engine):
    await containers.run("true", runner={"delete": False})

    (made,) = engine.containers()
    assert made["Labels"]["kestra.io/flow-id"] == "nightly_load"
    assert set(made["Labels"]) == {
        f"kestra.io/{name}"
        for name in (
            "namespace",
            "flow-id",
            "task-id",
            "execution-id",
            "taskrun-id",
            "taskrun-attempt",
        )
    }


async def test_an_image_that_cannot_be_had_fails_with_the_engines_words(containers, engine):
    for policy in ("NEVER", "IF_NOT_PRESENT", "ALWAYS"):
        outcome = await containers.run(
            "true", runner={"pullPolicy": policy}, containerImage="localhost:1/no/such:1"
        )
        *tries, line = await containers.lines()
        assert outcome.state is State.FAILED
        assert len(tries) == (0 if policy == "NEVER" else 2)
        if policy == "NEVER":
            assert "`pullPolicy` is NEVER" in line
        else:
            assert line.startswith("ERROR the image `localhost:1/no/such:1` cannot be pulled: ")
    assert engine.containers() == []


async def test_a_program_that_the_image_lacks_fails_with_the_engines_words(containers, engine):
    outcome = await containers.run("true", interpreter=["/bin/zsh", "-c"])

    assert outcome.state is State.FAILED
    assert "/bin/zsh" in (await containers.lines())[0]
    assert engine.containers() == []


async def test_many_lines_and_long_ones_arrive_in_order(containers):
    outcome = await containers.run(
        "python -c \"print('x' * 300_000); [print(n) for n in range(5000)]\"", containerImage="python:slim"
    )

    lines = [line.removeprefix("INFO ") for line in await containers.lines()]
    assert outcome.state is State.SUCCESS
    assert len(lines[0]) == 300_000
    assert lines[1:] == [str(number) for number in range(5000)]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with a package, as an index of wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    about = "Metadata-Version: 2.1\nName: greeting\nVersion: 1.2\n"
    kind = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info = "greeting-1.2.dist-info"
    with ZipFile(folder / "greeting-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("greeting.py", 'WORD = "hello from a package"\n')
        wheel.writestr(f"{info}/METADATA", about)
        wheel.writestr(f"{info}/WHEEL", kind)
        wheel.writestr(
            f"{info}/RECORD", f"greeting.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return folder


async def test_a_python_script_with_dependencies(containers, wheels: Path):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(wheels))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        outcome = await containers.shop.run(
            {
                "type": "scripts.python.Script",
                "taskRunner": {"type": RUNNER, "host": containers.host, "networkMode": "host"},
                "containerImage": "python:slim",
                "dependencies": ["greeting>=1"],
                "env": {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"http://127.0.0.1:{server.server_port}/"},
                "script": "import greeting\nprint(greeting.WORD)",
            }
        )
        server.shutdown()

    assert outcome.state is State.SUCCESS, await containers.lines()
    assert "INFO hello from a package" in await containers.lines()

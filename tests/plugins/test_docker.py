"""The Docker runner, against an engine that speaks Docker's API (plugins spec B6.2)."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from batuta.errors import TaskError
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugins.scripts import container
from batuta.plugins.scripts.container import size
from batuta.plugins.scripts.docker import registry_of
from batuta.plugins.scripts.engine import name_and_tag
from tests.plugins.docker_engine import Engine


@pytest.fixture
def engine(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("d")
    engine = Engine(folder / "s", folder, {"ubuntu", "python:3.13-slim"}, {"private.test/tool:1"})
    engine.start()
    engine.host = f"unix://{folder}/s"
    yield engine
    engine.stop()


def commands(engine, *lines, runner=None, **more):
    docker = {"type": "io.kestra.plugin.scripts.runner.docker.Docker", "host": engine.host}
    return {
        "type": "scripts.shell.Commands",
        "taskRunner": docker | (runner or {}),
        "commands": list(lines),
        **more,
    }


async def test_files_go_in_output_comes_out_and_files_come_back(shop, engine):
    outcome = await shop.run(
        commands(
            engine,
            "cat in.txt; echo; echo bad >&2",
            'echo \'::{"outputs":{"a":1}}::\'',
            "mkdir sub; echo $GREETING > sub/out.txt",
            inputFiles={"in.txt": "hello"},
            env={"GREETING": "hi"},
            outputFiles=["**.txt"],
        )
    )

    assert outcome.state is State.SUCCESS, await shop.log()
    assert await shop.log() == ["INFO hello", "ERROR bad"]
    assert outcome.outputs["vars"] == {"a": 1}
    assert outcome.outputs["taskRunner"] == {"containerId": "c0"}
    assert await shop.content(outcome.outputs["outputFiles"]["sub/out.txt"]) == b"hi\n"
    assert engine.removed == ["c0"]


async def test_the_container_is_made_as_the_runner_says(shop, engine):
    await shop.run(
        commands(
            engine,
            "true",
            runner={
                "user": "1000",
                "networkMode": "bridge",
                "cpu": {"cpus": 1.5},
                "memory": {"memory": "512MB"},
                "shmSize": "64m",
                "entryPoint": [],
                "extraHosts": ["db:10.0.0.1"],
            },
        )
    )

    (options,) = engine.created
    assert options["Image"] == "ubuntu"
    assert options["User"] == "1000"
    assert "Entrypoint" not in options
    assert options["Labels"]["kestra.io/flow-id"] == "nightly_load"
    assert options["HostConfig"] == {
        "ExtraHosts": ["db:10.0.0.1"],
        "NetworkMode": "bridge",
        "NanoCpus": 1_500_000_000,
        "Memory": 512 * 1024 * 1024,
        "ShmSize": 64 * 1024 * 1024,
    }


async def test_a_failed_script_fails_the_task_and_keeps_its_files(shop, engine):
    outcome = await shop.run(commands(engine, "echo x > a.txt", "exit 3", outputFiles=["*.txt"]))

    assert (outcome.state, outcome.outputs["exitCode"]) == (State.FAILED, 3)
    assert list(outcome.outputs["outputFiles"]) == ["a.txt"]


async def test_an_image_that_is_missing_is_pulled_with_the_login(shop, engine):
    login = {"username": "u", "password": "p"}

    outcome = await shop.run(
        commands(engine, "true", runner={"credentials": login}, containerImage="private.test/tool:1")
    )

    assert outcome.state is State.SUCCESS, await shop.log()
    assert json.loads(base64.urlsafe_b64decode(engine.logins[0])) == {
        "username": "u",
        "password": "p",
        "serveraddress": "private.test",
    }


async def test_an_image_that_cannot_be_pulled_fails_with_the_engines_words(shop, engine):
    outcome = await shop.run(commands(engine, "true", containerImage="nobody/has:it"))

    assert outcome.state is State.FAILED
    assert "the image `nobody/has:it` cannot be pulled: pull access denied" in (await shop.log())[0]


async def test_a_registry_that_fails_for_a_moment_is_asked_again(shop, engine, monkeypatch):
    monkeypatch.setattr(container, "_PULL_PAUSES_SECONDS", (0.0, 0.0))
    engine.failures = 2

    outcome = await shop.run(commands(engine, "true", containerImage="private.test/tool:1"))

    assert outcome.state is State.SUCCESS, await shop.log()
    assert len(engine.logins) == 3
    told = [line for line in await shop.log() if "the next try" in line]
    assert len(told) == 2


async def test_a_missing_image_that_may_not_be_pulled_fails(shop, engine):
    outcome = await shop.run(
        commands(engine, "true", runner={"pullPolicy": "NEVER"}, containerImage="private.test/tool:1")
    )

    assert outcome.state is State.FAILED
    assert "`pullPolicy` is NEVER" in (await shop.log())[0]
    assert engine.logins == []


async def test_a_kill_ends_and_removes_the_container(shop, engine):
    attempt = shop.attempt(commands(engine, "sleep 60"))
    running = asyncio.create_task(attempt.run())
    async with asyncio.timeout(10):
        while not any(container["process"] for container in engine.containers.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    attempt.kill()

    assert (await running).state is State.KILLED
    assert engine.removed == ["c0"]
    assert engine.containers["c0"]["process"].wait() == -9


async def test_a_script_that_names_no_runner_uses_the_engine_that_answers(shop, engine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", engine.host)

    await shop.run({"type": "scripts.shell.Commands", "commands": ["echo hi"]})

    assert len(engine.created) == 1
    assert await shop.log(LogLevel.INFO) == ["INFO hi"]


async def test_a_script_that_names_no_runner_is_a_process_where_its_image_cannot_be_had(
    shop, engine, monkeypatch
):
    monkeypatch.setenv("DOCKER_HOST", engine.host)

    await shop.run({"type": "scripts.shell.Commands", "commands": ["echo hi"], "containerImage": "no/such"})

    lines = [stored.line.message for stored in await shop.stored_lines()]
    assert engine.created == []
    assert lines[0].startswith(
        "Runs as a process of the worker: the Docker engine cannot get the image `no/such`"
    )
    assert lines[1] == "hi"


async def test_python_dependencies_are_installed_inside_the_container(shop, engine):
    await shop.run(
        {
            "type": "scripts.python.Script",
            "taskRunner": {"type": "io.kestra.plugin.scripts.runner.docker.Docker", "host": engine.host},
            "script": "print('hi')",
            "dependencies": ["requests>=2"],
            "env": {"PIP_NO_INDEX": "1"},
        }
    )

    (options,) = engine.created
    assert "pip install --quiet --target" in options["Cmd"][-1]
    assert "'requests>=2'" in options["Cmd"][-1]
    assert any(pair.startswith("PYTHONPATH=") for pair in options["Env"])


async def test_the_older_form_of_docker_options(shop, engine):
    await shop.run(
        {
            "type": "scripts.shell.Commands",
            "runner": "DOCKER",
            "docker": {"dockerHost": engine.host, "image": "ubuntu", "user": "7"},
            "commands": ["true"],
        }
    )

    assert engine.created[0]["User"] == "7"


@pytest.mark.parametrize(("text", "count"), [("512MB", 2**29), ("1g", 2**30), ("64 kb", 65_536), ("7", 7)])
def test_sizes(text, count):
    assert size(text) == count


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("ubuntu", ("ubuntu", "latest")),
        ("python:slim", ("python", "slim")),
        ("host:5000/x", ("host:5000/x", "latest")),
        ("host:5000/x:1", ("host:5000/x", "1")),
        ("a/b@sha256:12", ("a/b", "sha256:12")),
        ("a/b:1@sha256:12", ("a/b:1", "sha256:12")),
    ],
)
def test_name_and_tag_of_an_image(image, parts):
    assert name_and_tag(image) == parts


def test_a_size_that_is_none():
    with pytest.raises(TaskError, match="`many` is not a size"):
        size("many")


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("ubuntu", "https://index.docker.io/v1/"),
        ("oven/bun", "https://index.docker.io/v1/"),
        ("ghcr.io/a/b:1", "ghcr.io"),
        ("localhost/x", "localhost"),
        ("host:5000/x", "host:5000"),
    ],
)
def test_the_registry_of_an_image(image, registry):
    assert registry_of(image) == registry

"""Script tasks of the first versions (plugins spec B7)."""

from __future__ import annotations

import shutil

import pytest

from batuta.model.state import State


def older(name, **properties):
    return {"type": f"io.kestra.core.tasks.scripts.{name}", **properties}


async def test_bash_keeps_files_and_folders_by_name(shop):
    outcome = await shop.run(
        older(
            "Bash",
            inputFiles={"in.txt": "x"},
            outputFiles=["first"],
            outputDirs=["many"],
            commands=["cat in.txt > {{ outputFiles.first }}", "echo 2 > {{ outputDirs.many }}/b.txt"],
        )
    )

    assert outcome.state is State.SUCCESS, await shop.log()
    assert sorted(outcome.outputs["outputFiles"]) == ["first", "many/b.txt"]
    assert outcome.outputs["files"] == outcome.outputs["outputFiles"]
    assert await shop.content(outcome.outputs["files"]["first"]) == b"x"


async def test_a_failed_bash_keeps_its_outputs(shop):
    outcome = await shop.run(older("Bash", commands=['echo \'::{"outputs":{"a":1}}::\'', "exit 2"]))

    assert (outcome.state, outcome.outputs["vars"], outcome.outputs["exitCode"]) == (
        State.FAILED,
        {"a": 1},
        2,
    )


async def test_without_exit_on_failed_the_last_command_decides(shop):
    assert (
        await shop.run(older("Bash", commands=["false", "true"], exitOnFailed=False))
    ).state is State.SUCCESS


async def test_python_runs_main_by_default(shop):
    outcome = await shop.run(older("Python", inputFiles={"main.py": "print('hello')"}))

    assert outcome.state is State.SUCCESS
    assert "INFO hello" in await shop.log()


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
async def test_node_runs_main_by_default(shop):
    await shop.run(older("Node", inputFiles={"main.js": "console.log('hello')"}))

    assert "INFO hello" in await shop.log()

"""Script tasks of the first versions, which old flows still name (plugins spec B7)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from batuta.errors import InvalidRequest, TaskError
from batuta.paths import inside
from batuta.plugin.context import RunContext
from batuta.plugin.converters import as_text
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask, TaskFailed
from batuta.plugins.scripts import environments
from batuta.plugins.scripts.choice import OlderRunner
from batuta.plugins.scripts.script import ScriptOutput, places
from batuta.plugins.scripts.shell import Commands


class OlderScriptOutput(ScriptOutput, frozen=True):
    """What a script leaves behind, with the files under their older name too."""

    files: Annotated[dict[str, str], Meta(description="The same as `outputFiles`.")] = {}


class OlderScript(RunnableTask):
    """Base of the older script tasks: shell commands with properties of other names."""

    container_image: ClassVar[str] = "ubuntu"

    commands: Annotated[list[str] | None, Meta(description="Commands; they share one shell.")] = None
    runner: Annotated[OlderRunner, Meta(description="PROCESS or DOCKER.")] = OlderRunner.PROCESS
    docker_options: Annotated[dict[str, Any] | None, Meta(description="Options of a Docker runner.")] = None
    interpreter: Annotated[str, Meta(description="Program that takes the text.")] = "/bin/sh"
    interpreter_args: Annotated[list[str], Meta(description="Its arguments before the text.")] = field(
        default_factory=lambda: ["-c"]
    )
    exit_on_failed: Annotated[bool, Meta(description="Stop at the first command that fails.")] = True
    env: Annotated[dict[str, Any] | None, Meta(description="Environment variables.")] = None
    input_files: Annotated[dict[str, Any] | str | None, Meta(description="Path to content or URI.")] = None
    output_files: Annotated[list[str], Meta(description="Names of files to keep.")] = []
    outputs_files: Annotated[list[str], Meta(description="Older name of `outputFiles`.")] = []
    files: Annotated[list[str], Meta(description="Oldest name of `outputFiles`.")] = []
    output_dirs: Annotated[list[str], Meta(description="Names of folders to keep.")] = []
    warning_on_std_err: Annotated[bool | None, Meta(description="Accepted and without effect.")] = None

    @classmethod
    def own_names(cls, properties: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
        """`outputFiles` and `outputDirs`: paths by name."""
        dirs = places(folder, _names(properties, "outputDirs"))
        for place in dirs.values():
            place.mkdir(parents=True, exist_ok=True)
        files = places(folder, _names(properties, "outputFiles", "outputsFiles", "files"))
        return {
            "outputFiles": {name: str(place) for name, place in files.items()},
            "outputDirs": {name: str(place) for name, place in dirs.items()},
        }

    async def run(self, ctx: RunContext) -> OlderScriptOutput:
        """Run the commands as a task of today does."""
        for name in self.output_dirs:
            try:
                inside(ctx.files.working_dir, name)
            except InvalidRequest as error:
                raise TaskError(f"outputDirs: {error.what}", mend=error.mend) from None
        docker = self.runner is OlderRunner.DOCKER
        today = Commands(
            commands=self.commands or self.default_commands(),
            before_commands=await self.before(ctx),
            interpreter=[self.interpreter, *self.interpreter_args],
            fail_fast=self.exit_on_failed,
            env=self.env,
            input_files=self.input_files,
            output_files=[
                *self.output_files,
                *self.outputs_files,
                *self.files,
                *(f"{name}/**" for name in self.output_dirs),
            ],
            runner=self.runner,
            docker=self.docker_options if docker else None,
            container_image=self.container_image if docker else None,
        )
        try:
            return older(await today.run(ctx))
        except TaskFailed as failure:
            kept = failure.outputs
            raise TaskFailed(
                failure.message, older(kept) if isinstance(kept, ScriptOutput) else kept
            ) from None

    def default_commands(self) -> list[str]:
        """What runs when the task names no commands."""
        return []

    async def before(self, ctx: RunContext) -> list[str]:
        """Commands that run first."""
        return []


def older(output: ScriptOutput) -> OlderScriptOutput:
    """The output with its files under both names."""
    return OlderScriptOutput(
        vars=output.vars,
        exit_code=output.exit_code,
        output_files=output.output_files,
        files=output.output_files,
        task_runner=output.task_runner,
        std_out_line_count=output.std_out_line_count,
        std_err_line_count=output.std_err_line_count,
    )


def _names(properties: Mapping[str, Any], *keys: str) -> list[str]:
    lists = [properties.get(key) for key in keys]
    return [as_text(name) for names in lists if isinstance(names, list) for name in names]


@plugin("io.kestra.core.tasks.scripts.Bash")
class Bash(OlderScript):
    """Run shell commands; `io.kestra.plugin.scripts.shell.Commands` is its successor.

    ```yaml
    id: list
    type: io.kestra.core.tasks.scripts.Bash
    outputFiles: [first]
    commands:
      - echo one > {{ outputFiles.first }}
    ```
    """


@plugin("io.kestra.core.tasks.scripts.Node")
class Node(OlderScript):
    """Run Node.js; `io.kestra.plugin.scripts.node.Script` is its successor.

    ```yaml
    id: hello
    type: io.kestra.core.tasks.scripts.Node
    inputFiles:
      main.js: console.log('hello')
    ```
    """

    container_image: ClassVar[str] = "node"

    def default_commands(self) -> list[str]:
        """Run `main.js`."""
        return ["node main.js"]


@plugin("io.kestra.core.tasks.scripts.Python")
class Python(OlderScript):
    """Run Python; `io.kestra.plugin.scripts.python.Script` is its successor.

    ```yaml
    id: hello
    type: io.kestra.core.tasks.scripts.Python
    inputFiles:
      main.py: print('hello')
    ```
    """

    container_image: ClassVar[str] = "python:3.13-slim"

    requirements: Annotated[list[str], Meta(description="Packages from PyPI that the script imports.")] = []
    python_path: Annotated[str, Meta(description="Python to use.")] = "python"
    virtual_env: Annotated[
        bool, Meta(description="Put a `bin/python` with the packages into the folder.")
    ] = True

    def default_commands(self) -> list[str]:
        """Run `main.py`."""
        return ["./bin/python main.py" if self.virtual_env else f"{self.python_path} main.py"]

    async def before(self, ctx: RunContext) -> list[str]:
        """Make `./bin/python`."""
        if self.runner is OlderRunner.DOCKER:
            install = f"./bin/python -m pip install --quiet {' '.join(self.requirements)}"
            made = [f"{self.python_path} -m venv ."] if self.virtual_env else []
            return [*made, install] if self.virtual_env and self.requirements else made
        place = await environments.ready(
            ctx, environments.Wanted(dependencies=tuple(sorted(self.requirements)))
        )
        if place.bin is None or not self.virtual_env:
            return []
        await asyncio.to_thread(_link, ctx.files.working_dir / "bin", place.bin)
        return [f'PATH="{place.bin}{os.pathsep}$PATH"']


def _link(folder: Path, target: Path) -> None:
    if not folder.exists():
        folder.symlink_to(target, target_is_directory=True)

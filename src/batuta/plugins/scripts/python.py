"""Python scripts, with the packages that they ask for."""

from __future__ import annotations

import ast
import os
import shlex
from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.runner import TaskRunner
from batuta.plugins.scripts.language import PYTHON, Language
from batuta.plugins.scripts.script import Prepared, Scratch, ScriptTask, script_lines

_JSON_NAMES = {"true": "True", "false": "False", "null": "None"}


class PackageManager(StrEnum):
    """What installs the dependencies."""

    UV = "UV"
    PIP = "PIP"


class PythonTask(ScriptTask, kw_only=True):
    """Base of the Python tasks."""

    language: ClassVar[Language] = PYTHON

    dependencies: Annotated[list[str], Meta(description="Packages from PyPI that the script imports.")] = []
    python_version: Annotated[str | None, Meta(description="Version of Python, such as 3.12.")] = None
    dependency_cache_enabled: Annotated[bool, Meta(description="Keep environments for later runs.")] = True
    package_manager: Annotated[PackageManager, Meta(description="What installs the packages.")] = (
        PackageManager.UV
    )
    uv_auto_install_enabled: Annotated[bool | None, Meta(description="Accepted; uv is always there.")] = None
    uv_installer_version: Annotated[str | None, Meta(description="Accepted and without effect.")] = None
    uv_installer_sha256: Annotated[str | None, Meta(description="Accepted and without effect.")] = None

    async def prepare(self, ctx: RunContext, runner: TaskRunner) -> Prepared:
        """An environment with the dependencies on this machine, or their installation inside a container."""
        if not runner.local:
            if not self.dependencies:
                return Prepared()
            target = f"{ctx.files.working_dir}/.deps"
            wanted = " ".join(shlex.quote(each) for each in self.dependencies)
            return Prepared(
                [f"pip install --quiet --target {shlex.quote(target)} {wanted}"], {"PYTHONPATH": target}
            )
        from batuta.plugins.scripts import environments

        wanted_env = environments.Wanted(
            dependencies=tuple(sorted(self.dependencies)),
            python=self.python_version,
            uses_pip=self.package_manager is PackageManager.PIP,
            shared=self.dependency_cache_enabled,
        )
        place = await environments.ready(ctx, wanted_env)
        inherited = str((self.env or {}).get("PATH") or ctx.processes.environment().get("PATH", os.defpath))
        env = {} if place.bin is None else {"PATH": f"{place.bin}{os.pathsep}{inherited}"}
        if place.virtual_env is not None:
            env["VIRTUAL_ENV"] = str(place.virtual_env)
        return Prepared([], env)


@plugin("io.kestra.plugin.scripts.python.Script")
class Script(PythonTask, kw_only=True):
    """Run a Python script.

    ```yaml
    id: count
    type: io.kestra.plugin.scripts.python.Script
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    outputFiles: ["*.json"]
    script: |
      import json
      with open("numbers.json", "w") as file:
          json.dump([1, 2, 3], file)
    ```
    """

    script: Annotated[str, Meta(description="The text of the script.")]

    async def lines(self, scratch: Scratch) -> list[str]:
        """What runs the script; JSON's `true`, `false` and `null` are defined in it where it uses them."""
        return await script_lines(self.language, with_json_names(self.script), scratch)


@plugin("io.kestra.plugin.scripts.python.Commands")
class Commands(PythonTask, kw_only=True):
    """Run commands where Python is installed.

    ```yaml
    id: count
    type: io.kestra.plugin.scripts.python.Commands
    inputFiles:
      main.py: |
        print("Hello")
    commands:
      - python main.py
    ```
    """

    commands: Annotated[list[str], Meta(description="Commands; they share one shell.")]

    async def lines(self, scratch: Scratch) -> list[str]:
        """The commands as they are."""
        return list(self.commands)


def with_json_names(script: str) -> str:
    """The script with a line that defines the JSON names it uses; unchanged when there are none."""
    if not any(name in script for name in _JSON_NAMES):
        return script
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError):
        return script
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & set(_JSON_NAMES)
    if not used:
        return script
    definition = "; ".join(f"{name} = {value}" for name, value in _JSON_NAMES.items() if name in used)
    place = 0
    for index, statement in enumerate(tree.body):
        is_docstring = (
            index == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        )
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not (is_docstring or is_future):
            break
        place = statement.end_lineno or place
    lines = script.splitlines(keepends=True)
    if place and not lines[place - 1].endswith("\n"):
        lines[place - 1] += "\n"
    return "".join([*lines[:place], definition + "\n", *lines[place:]])

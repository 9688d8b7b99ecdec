"""Scripts and commands that run every now and then, and start the flow when their end fits a condition."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import go, node, python, ruby, shell
from batuta.plugins.scripts.polling import LookingScript
from batuta.plugins.scripts.script import ScriptTask

Text = Annotated[str, Meta(description="The text of the script.")]
CommandList = Annotated[list[str], Meta(description="Commands; they share one shell.")]


@plugin("io.kestra.plugin.scripts.python.ScriptTrigger")
class PythonScriptTrigger(LookingScript):
    """Run a Python script every now and then, and start the flow when its exit code or outputs fit.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.python.ScriptTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    script: |
      raise SystemExit(1)
    ```
    """

    task: ClassVar[type[ScriptTask]] = python.Script

    script: Text


@plugin("io.kestra.plugin.scripts.python.CommandsTrigger")
class PythonCommandsTrigger(LookingScript):
    """Run commands where Python is installed every now and then, and start the flow when their end fits.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.python.CommandsTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    commands:
      - python check.py
    ```
    """

    task: ClassVar[type[ScriptTask]] = python.Commands

    commands: CommandList


@plugin("io.kestra.plugin.scripts.shell.ScriptTrigger")
class ShellScriptTrigger(LookingScript):
    """Run a Shell script every now and then, and start the flow when its exit code or outputs fit.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.shell.ScriptTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    script: |
      test -f /tmp/ready
    ```
    """

    task: ClassVar[type[ScriptTask]] = shell.Script

    script: Text


@plugin("io.kestra.plugin.scripts.shell.CommandsTrigger")
class ShellCommandsTrigger(LookingScript):
    """Run commands where Shell is installed every now and then, and start the flow when their end fits.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.shell.CommandsTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    commands:
      - test -f /tmp/ready
    ```
    """

    task: ClassVar[type[ScriptTask]] = shell.Commands

    commands: CommandList


@plugin("io.kestra.plugin.scripts.node.ScriptTrigger")
class NodeScriptTrigger(LookingScript):
    """Run a Node script every now and then, and start the flow when its exit code or outputs fit.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.node.ScriptTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    script: |
      process.exit(1)
    ```
    """

    task: ClassVar[type[ScriptTask]] = node.Script

    script: Text


@plugin("io.kestra.plugin.scripts.node.CommandsTrigger")
class NodeCommandsTrigger(LookingScript):
    """Run commands where Node is installed every now and then, and start the flow when their end fits.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.node.CommandsTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    commands:
      - node check.js
    ```
    """

    task: ClassVar[type[ScriptTask]] = node.Commands

    commands: CommandList


@plugin("io.kestra.plugin.scripts.ruby.ScriptTrigger")
class RubyScriptTrigger(LookingScript):
    """Run a Ruby script every now and then, and start the flow when its exit code or outputs fit.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.ruby.ScriptTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    script: |
      exit 1
    ```
    """

    task: ClassVar[type[ScriptTask]] = ruby.Script

    script: Text


@plugin("io.kestra.plugin.scripts.ruby.CommandsTrigger")
class RubyCommandsTrigger(LookingScript):
    """Run commands where Ruby is installed every now and then, and start the flow when their end fits.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.ruby.CommandsTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    commands:
      - ruby check.rb
    ```
    """

    task: ClassVar[type[ScriptTask]] = ruby.Commands

    commands: CommandList


@plugin("io.kestra.plugin.scripts.go.ScriptTrigger")
class GoScriptTrigger(LookingScript):
    """Run a Go script every now and then, and start the flow when its exit code or outputs fit.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.go.ScriptTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    script: |
      package main
    ```
    """

    task: ClassVar[type[ScriptTask]] = go.Script

    script: Text


@plugin("io.kestra.plugin.scripts.go.CommandsTrigger")
class GoCommandsTrigger(LookingScript):
    """Run commands where Go is installed every now and then, and start the flow when their end fits.

    ```yaml
    id: look
    type: io.kestra.plugin.scripts.go.CommandsTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT1M
    exitCondition: exit 1
    commands:
      - go version
    ```
    """

    task: ClassVar[type[ScriptTask]] = go.Commands

    commands: CommandList

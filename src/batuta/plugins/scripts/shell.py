"""Shell scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import SHELL, Language


@plugin("io.kestra.plugin.scripts.shell.Script")
class Script(script.Script):
    """Run a shell script.

    ```yaml
    id: greet
    type: io.kestra.plugin.scripts.shell.Script
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    script: |
      echo "Hello"
      echo '::{"outputs": {"greeted": true}}::'
    ```
    """

    language: ClassVar[Language] = SHELL


@plugin("io.kestra.plugin.scripts.shell.Commands")
class Commands(script.Commands):
    """Run shell commands, all in one shell.

    ```yaml
    id: list
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    outputFiles: ["*.txt"]
    commands:
      - echo one > one.txt
      - ls -l
    ```
    """

    language: ClassVar[Language] = SHELL

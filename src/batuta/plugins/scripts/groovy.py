"""Groovy scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import GROOVY, Language


@plugin("io.kestra.plugin.scripts.groovy.Script")
class Script(script.Script):
    """Run a script in Groovy.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.groovy.Script
    script: |
      println 'hello'
    ```
    """

    language: ClassVar[Language] = GROOVY


@plugin("io.kestra.plugin.scripts.groovy.Commands")
class Commands(script.Commands):
    """Run commands where Groovy is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.groovy.Commands
    inputFiles:
      main.groovy: "{{ inputs.program }}"
    commands:
      - groovy main.groovy
    ```
    """

    language: ClassVar[Language] = GROOVY

"""Julia scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import JULIA, Language


@plugin("io.kestra.plugin.scripts.julia.Script")
class Script(script.Script):
    """Run a script in Julia.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.julia.Script
    script: |
      println("hello")
    ```
    """

    language: ClassVar[Language] = JULIA


@plugin("io.kestra.plugin.scripts.julia.Commands")
class Commands(script.Commands):
    """Run commands where Julia is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.julia.Commands
    inputFiles:
      main.jl: "{{ inputs.program }}"
    commands:
      - julia main.jl
    ```
    """

    language: ClassVar[Language] = JULIA

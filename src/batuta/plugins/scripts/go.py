"""Go programs."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import GO, Language


@plugin("io.kestra.plugin.scripts.go.Script")
class Script(script.Script):
    """Run a script in Go.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.go.Script
    script: |
      package main
      func main() { println("hello") }
    ```
    """

    language: ClassVar[Language] = GO


@plugin("io.kestra.plugin.scripts.go.Commands")
class Commands(script.Commands):
    """Run commands where Go is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.go.Commands
    inputFiles:
      main.go: "{{ inputs.program }}"
    commands:
      - go run main.go
    ```
    """

    language: ClassVar[Language] = GO

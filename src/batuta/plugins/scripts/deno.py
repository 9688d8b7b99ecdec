"""Deno scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import DENO, Language


@plugin("io.kestra.plugin.scripts.deno.Script")
class Script(script.Script):
    """Run a script in Deno.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.deno.Script
    script: |
      console.log('hello')
    ```
    """

    language: ClassVar[Language] = DENO


@plugin("io.kestra.plugin.scripts.deno.Commands")
class Commands(script.Commands):
    """Run commands where Deno is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.deno.Commands
    inputFiles:
      main.ts: "{{ inputs.program }}"
    commands:
      - deno run main.ts
    ```
    """

    language: ClassVar[Language] = DENO

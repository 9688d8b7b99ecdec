"""Bun scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import BUN, Language


@plugin("io.kestra.plugin.scripts.bun.Script")
class Script(script.Script):
    """Run a script in Bun.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.bun.Script
    script: |
      console.log('hello')
    ```
    """

    language: ClassVar[Language] = BUN


@plugin("io.kestra.plugin.scripts.bun.Commands")
class Commands(script.Commands):
    """Run commands where Bun is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.bun.Commands
    inputFiles:
      main.ts: "{{ inputs.program }}"
    commands:
      - bun run main.ts
    ```
    """

    language: ClassVar[Language] = BUN

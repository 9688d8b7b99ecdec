"""Lua scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import LUA, Language


@plugin("io.kestra.plugin.scripts.lua.Script")
class Script(script.Script):
    """Run a script in Lua.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.lua.Script
    script: |
      print('hello')
    ```
    """

    language: ClassVar[Language] = LUA


@plugin("io.kestra.plugin.scripts.lua.Commands")
class Commands(script.Commands):
    """Run commands where Lua is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.lua.Commands
    inputFiles:
      main.lua: "{{ inputs.program }}"
    commands:
      - lua main.lua
    ```
    """

    language: ClassVar[Language] = LUA

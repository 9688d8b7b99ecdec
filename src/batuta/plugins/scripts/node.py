"""Node scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import NODE, Language


@plugin("io.kestra.plugin.scripts.node.Script")
class Script(script.Script):
    """Run a script in Node.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.node.Script
    script: |
      console.log('hello')
    ```
    """

    language: ClassVar[Language] = NODE


@plugin("io.kestra.plugin.scripts.node.Commands")
class Commands(script.Commands):
    """Run commands where Node is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.node.Commands
    inputFiles:
      main.js: "{{ inputs.program }}"
    commands:
      - node main.js
    ```
    """

    language: ClassVar[Language] = NODE

"""R scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import Language, R


@plugin("io.kestra.plugin.scripts.r.Script")
class Script(script.Script):
    """Run a script in R.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.r.Script
    script: |
      print('hello')
    ```
    """

    language: ClassVar[Language] = R


@plugin("io.kestra.plugin.scripts.r.Commands")
class Commands(script.Commands):
    """Run commands where R is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.r.Commands
    inputFiles:
      main.R: "{{ inputs.program }}"
    commands:
      - Rscript main.R
    ```
    """

    language: ClassVar[Language] = R

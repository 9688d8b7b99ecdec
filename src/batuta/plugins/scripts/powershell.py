"""PowerShell scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import POWERSHELL, Language


@plugin("io.kestra.plugin.scripts.powershell.Script")
class Script(script.Script):
    """Run a script in PowerShell.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.powershell.Script
    script: |
      Write-Output 'hello'
    ```
    """

    language: ClassVar[Language] = POWERSHELL


@plugin("io.kestra.plugin.scripts.powershell.Commands")
class Commands(script.Commands):
    """Run commands where PowerShell is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.powershell.Commands
    inputFiles:
      main.ps1: "{{ inputs.program }}"
    commands:
      - ./main.ps1
    ```
    """

    language: ClassVar[Language] = POWERSHELL

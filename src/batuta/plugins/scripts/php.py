"""PHP scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import PHP, Language


@plugin("io.kestra.plugin.scripts.php.Script")
class Script(script.Script):
    """Run a script in PHP.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.php.Script
    script: |
      <?php echo 'hello';
    ```
    """

    language: ClassVar[Language] = PHP


@plugin("io.kestra.plugin.scripts.php.Commands")
class Commands(script.Commands):
    """Run commands where PHP is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.php.Commands
    inputFiles:
      main.php: "{{ inputs.program }}"
    commands:
      - php main.php
    ```
    """

    language: ClassVar[Language] = PHP

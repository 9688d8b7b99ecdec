"""Ruby scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import RUBY, Language


@plugin("io.kestra.plugin.scripts.ruby.Script")
class Script(script.Script):
    """Run a script in Ruby.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.ruby.Script
    script: |
      puts 'hello'
    ```
    """

    language: ClassVar[Language] = RUBY


@plugin("io.kestra.plugin.scripts.ruby.Commands")
class Commands(script.Commands):
    """Run commands where Ruby is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.ruby.Commands
    inputFiles:
      main.rb: "{{ inputs.program }}"
    commands:
      - ruby main.rb
    ```
    """

    language: ClassVar[Language] = RUBY

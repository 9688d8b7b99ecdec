"""Perl scripts."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugins.scripts import script
from batuta.plugins.scripts.language import PERL, Language


@plugin("io.kestra.plugin.scripts.perl.Script")
class Script(script.Script):
    """Run a script in Perl.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.perl.Script
    script: |
      print 'hello'
    ```
    """

    language: ClassVar[Language] = PERL


@plugin("io.kestra.plugin.scripts.perl.Commands")
class Commands(script.Commands):
    """Run commands where Perl is installed.

    ```yaml
    id: hello
    type: io.kestra.plugin.scripts.perl.Commands
    inputFiles:
      main.pl: "{{ inputs.program }}"
    commands:
      - perl main.pl
    ```
    """

    language: ClassVar[Language] = PERL

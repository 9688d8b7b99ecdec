"""A flow file that shall run, or everything that keeps it from running."""

from __future__ import annotations

from pathlib import Path

import click

from batuta import flows
from batuta.cli.loading import FlowFile, text_of


def read_or_report(path: Path) -> FlowFile | None:
    """The flow of a file; None after writing to standard error what `batuta check` finds."""
    source = text_of(path)
    reading = flows.read(source)
    if reading.flow is not None:
        return FlowFile(path, source, reading.flow)
    from batuta.cli import check

    for found in check.findings_of(path):
        if found.severity == "error":
            click.echo(check.told(found) + "\n", err=True)
    return None

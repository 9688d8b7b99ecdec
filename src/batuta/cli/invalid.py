"""A flow file that cannot be run: everything that is wrong with it, with places in the file."""

from __future__ import annotations

from pathlib import Path

import click

from batuta import flows
from batuta.cli.loading import FlowFile, text_of


def read_or_report(path: Path) -> FlowFile | None:
    """The flow of a file; None after writing to standard error what is wrong with it."""
    source = text_of(path)
    reading = flows.read(source)
    if reading.flow is not None:
        return FlowFile(path, source, reading.flow)
    for found in reading.violations:
        place = f"{found.path}: " if found.path else ""
        click.echo(f"{path}:{found.line}:{found.column}: error: {place}{found.message}", err=True)
        shown = flows.frame(source, found)
        if shown:
            click.echo(shown, err=True)
        if found.hint:
            click.echo(f"  fix: {found.hint}", err=True)
    return None

"""What keeps a flow file from running, told as sentences or in the JSON of `batuta check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from batuta import flows
from batuta.cli import check
from batuta.cli.loading import FlowFile, text_of
from batuta.errors import FlowError, InvalidRequest


def read_or_report(path: Path, output: str) -> FlowFile | None:
    """The flow of a file; None after writing what `batuta check` finds.

    Text goes to standard error, JSON to standard output, where a program expects its answer.
    """
    source = text_of(path)
    reading = flows.read(source)
    if reading.flow is not None:
        return FlowFile(path, source, reading.flow)
    found = [each for each in check.findings_of(path) if each.severity == "error"]
    if output == "json":
        _print(found)
        return None
    for each in found:
        click.echo(check.told(each) + "\n", err=True)
    return None


def print_refusal(error: FlowError | InvalidRequest, path: Path) -> None:
    """What is wrong with the inputs or the options of a run, as findings in JSON."""
    from batuta.cli.local import InvalidInputs

    problems: Sequence[str] = error.problems if isinstance(error, InvalidInputs) else [error.what]
    _print(
        [
            check.Found(
                file=str(path),
                severity="error",
                message=problem,
                line=1,
                column=1,
                path="inputs" if isinstance(error, InvalidInputs) else "",
                code=error.code,
                hint=error.mend,
            )
            for problem in problems
        ]
    )


def _print(found: list[check.Found]) -> None:
    summary = check.Summary(files=1, errors=len(found), warnings=0, findings=found)
    click.echo(msgspec.json.format(msgspec.json.encode(summary), indent=2).decode())

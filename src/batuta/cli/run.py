"""`batuta run`: a flow file runs here and now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batuta.cli.client import verbose_option
from batuta.cli.main import FAILED, INVALID, KILLED

if TYPE_CHECKING:
    from batuta.cli.loading import FlowFile
    from batuta.cli.local import Outcome
    from batuta.cli.progress import LineView
    from batuta.model.execution import TaskRun


@click.command(short_help="Run a flow file here and now, without a server.")
@click.argument("path", metavar="FLOW.yaml", type=click.Path(path_type=Path))
@click.option(
    "-i", "--input", "pairs", metavar="KEY=VALUE", multiple=True, help="An input; for a FILE its path."
)
@click.option(
    "--inputs-file", type=click.Path(path_type=Path), metavar="FILE", help="Inputs as a map in YAML or JSON."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json prints one document at the end, and nothing else; for an invalid flow the findings.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep the database and all files here. Without it they are gone when the run ends.",
)
@verbose_option
def run(
    path: Path,
    pairs: tuple[str, ...],
    inputs_file: Path | None,
    output: str,
    data: Path | None,
    verbose: bool,
) -> None:
    """Run a flow file here and now, without a server.

    Other flows in the same folder are there for its Subflow tasks. Ctrl-C kills the execution.

    Exit codes: 0 success (also with warnings), 1 failed, 2 the flow or its inputs are invalid, 3 killed.
    """
    from batuta.cli import inputs, invalid
    from batuta.errors import FlowError, InvalidRequest

    try:
        given = {**(inputs.of_file(inputs_file) if inputs_file else {}), **inputs.of_pairs(pairs)}
        file = invalid.read_or_report(path, output)
        sys.exit(INVALID if file is None else _run(file, given, output, data, verbose))
    except (FlowError, InvalidRequest, ExceptionGroup) as raised:
        error: BaseException = raised
        while isinstance(error, BaseExceptionGroup):  # what services under way made of it
            error = error.exceptions[0]
        if output != "json" or not isinstance(error, FlowError | InvalidRequest):
            raise
        invalid.print_refusal(error, path)
        sys.exit(INVALID)


def _run(file: FlowFile, given: dict[str, Any], output: str, data: Path | None, verbose: bool) -> int:
    import asyncio
    import tempfile

    from batuta.cli import loading, local, progress
    from batuta.settings import sources

    with tempfile.TemporaryDirectory(prefix="batuta-run-", ignore_cleanup_errors=True) as temporary:
        settings = sources.settings(data_dir=data or Path(temporary), port=0)
        display = progress.display_for(output, verbose=verbose)
        try:
            outcome = asyncio.run(
                local.execute(file, loading.siblings(file.path, file.flow), given, settings, display)
            )
        except asyncio.CancelledError:
            return KILLED
        finally:
            display.close()
    return _conclude(outcome, output, kept=data is not None)


def _conclude(outcome: Outcome, output: str, *, kept: bool) -> int:
    """Print the result, and give the exit code for the state."""
    import msgspec

    from batuta.cli import conclusion
    from batuta.model.state import State

    state = outcome.execution.state.current
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(_document(outcome)), indent=2).decode())
    else:
        conclusion.print_outputs(outcome.execution.outputs, kept=kept)
    if state is State.KILLED:
        return KILLED
    return 0 if state in (State.SUCCESS, State.WARNING) else FAILED


def _document(outcome: Outcome) -> dict[str, Any]:
    from batuta import iso8601
    from batuta.cli import conclusion, progress
    from batuta.model.state import State

    execution = outcome.execution
    snapshot = progress.of_rows(execution, outcome.runs)
    error = (
        conclusion.first_error(snapshot.runs, outcome.serious)
        if execution.state.current is State.FAILED
        else None
    )
    end = execution.state.changed_at
    return {
        "id": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "state": execution.state.current.value,
        "duration": iso8601.format_duration(execution.state.duration(end)),
        "inputs": execution.inputs,
        "outputs": execution.outputs or {},
        "error": None if error is None else {"taskId": error.task_id or None, "message": error.message},
        "taskRuns": [_run_document(run) for run in outcome.runs],
        "logs": [_line_document(line) for line in outcome.serious],
    }


def _line_document(line: LineView) -> dict[str, Any]:
    from batuta import iso8601

    document = {
        "timestamp": iso8601.format_instant(line.at),
        "level": line.level,
        "taskId": line.task_id or None,
        "taskRunId": line.task_run_id,
        "message": line.message,
    }
    return {name: value for name, value in document.items() if value is not None}


def _run_document(run: TaskRun) -> dict[str, Any]:
    from batuta import iso8601

    document = {
        "id": run.id,
        "taskId": run.task_id,
        "parentTaskRunId": run.parent_id,
        "value": run.value,
        "state": run.state.current.value,
        "attempts": len(run.attempts),
        "duration": iso8601.format_duration(run.state.duration(run.state.changed_at)),
        "outputs": run.outputs or {},
    }
    return {name: value for name, value in document.items() if value is not None}

"""Commands that move an execution of a server: resume, decide, force, and change what it counts as."""

from __future__ import annotations

from typing import Any

import click

from batuta.cli import inputs
from batuta.cli.client import Client, output_option, print_json, speaks_to_server
from batuta.errors import NotFound
from batuta.nearness import did_you_mean

ENDS = click.Choice(["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"], case_sensitive=False)
MARKS = click.Choice(["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED"], case_sensitive=False)

_input_option = click.option(
    "-i", "--input", "pairs", metavar="KEY=VALUE", multiple=True, help="An input; for a FILE its path."
)


@click.command()
@click.argument("execution_id", metavar="ID")
@_input_option
@output_option
@speaks_to_server
def resume(client: Client, execution_id: str, pairs: tuple[str, ...], output: str) -> None:
    """Let a paused execution go on, with the inputs that its pause asks for."""
    given = inputs.of_pairs(pairs)
    files: set[str] = set()
    if given:
        asked = client.post("executions", execution_id, "resume", "validate").get("inputs") or ()
        declared = [each["input"] for each in asked]
        inputs.refuse(declared, given, "the pause")
        files = {each["id"] for each in declared if each.get("type") == "FILE"}
    with inputs.form(given, files) as body:
        found = client.post("executions", execution_id, "resume", **body)
    _tell(found, f"resumed {execution_id}", output)


@click.command()
@click.argument("execution_id", metavar="ID")
@output_option
@speaks_to_server
def pause(client: Client, execution_id: str, output: str) -> None:
    """Let what runs in an execution end, and nothing new start."""
    _tell(client.post("executions", execution_id, "pause"), f"paused {execution_id}", output)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option("--approve/--deny", "approved", required=True, default=None, help="The decision.")
@click.option("--comment", metavar="TEXT", help="Why.")
@_input_option
@output_option
@speaks_to_server
def review(
    client: Client,
    execution_id: str,
    approved: bool,
    comment: str | None,
    pairs: tuple[str, ...],
    output: str,
) -> None:
    """Decide an approval that waits."""
    sent = {
        "decision": "APPROVED" if approved else "DENIED",
        "comment": comment,
        "inputs": inputs.of_pairs(pairs),
    }
    found = client.post("executions", execution_id, "review", json=sent)
    _tell(found, f"{'approved' if approved else 'denied'} {execution_id}", output)


@click.command("force-run")
@click.argument("execution_id", metavar="ID")
@output_option
@speaks_to_server
def force_run(client: Client, execution_id: str, output: str) -> None:
    """Let an execution go on, whatever holds it: a date, a limit or a pause."""
    _tell(client.post("executions", execution_id, "force-run"), f"forced {execution_id} to run", output)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.option(
    "--state",
    type=click.Choice(["RUNNING", "CANCELLED", "FAILED"], case_sensitive=False),
    default="RUNNING",
    show_default=True,
    help="What becomes of it.",
)
@output_option
@speaks_to_server
def unqueue(client: Client, execution_id: str, state: str, output: str) -> None:
    """Take an execution out of the queue of its concurrency limit."""
    found = client.post("executions", execution_id, "unqueue", query={"state": state.upper()})
    _tell(found, f"unqueued {execution_id}", output)


@click.command("resume-from-breakpoint")
@click.argument("execution_id", metavar="ID")
@click.option(
    "--breakpoints", metavar="TASK,...", help="Where it stops next; where it was told before, without."
)
@output_option
@speaks_to_server
def resume_from_breakpoint(client: Client, execution_id: str, breakpoints: str | None, output: str) -> None:
    """Let an execution go on that stopped at a breakpoint."""
    query = {"breakpoints": breakpoints}
    found = client.post("executions", execution_id, "resume-from-breakpoint", query=query)
    _tell(found, f"resumed {execution_id}", output)


@click.command("change-status")
@click.argument("execution_id", metavar="ID")
@click.argument("state", type=ENDS)
@output_option
@speaks_to_server
def change_status(client: Client, execution_id: str, state: str, output: str) -> None:
    """Have an execution that has ended count as ended in another state."""
    found = client.post("executions", execution_id, "change-status", query={"status": state.upper()})
    _tell(found, f"{execution_id} counts as {state.upper()}", output)


@click.command()
@click.argument("execution_id", metavar="ID")
@click.argument("task")
@click.argument("state", type=MARKS)
@output_option
@speaks_to_server
def mark(client: Client, execution_id: str, task: str, state: str, output: str) -> None:
    """Have a task run count as ended in a state, and go on from there.

    TASK is the id of a task run, or of a task that has run once.
    """
    body = {"taskRunId": task_run_of(client, execution_id, task), "state": state.upper()}
    done = client.post("executions", execution_id, "state", json=body)
    _tell(done, f"marked `{task}` of {execution_id} as {state.upper()}", output)


def task_run_of(client: Client, execution_id: str, task: str) -> str:
    """The task run that a word names: by its own id, or by that of a task that has run once.

    Raises:
        NotFound: nothing in the execution has this name.
        UsageError: the task has run more than once.
    """
    runs = client.get("executions", execution_id).get("taskRunList") or ()
    found = [run for run in runs if task in (run["id"], run["taskId"])]
    if not found:
        names = dict.fromkeys(run["taskId"] for run in runs)
        hint = did_you_mean(task, names) or f"it has run {', '.join(names) or 'no task'}"
        raise NotFound(f"no task `{task}` has run in {execution_id}", mend=hint)
    if len(found) > 1:
        runs_of_it = "".join(f"\n  {run['id']} {run.get('value') or ''}".rstrip() for run in found)
        raise click.UsageError(f"`{task}` has run {len(found)} times; name one of its task runs:{runs_of_it}")
    task_run_id: str = found[0]["id"]
    return task_run_id


def _tell(found: Any, sentence: str, output: str) -> None:
    if output == "json":
        print_json(found)
    else:
        click.echo(sentence)


COMMANDS = (
    resume,
    pause,
    review,
    force_run,
    unqueue,
    resume_from_breakpoint,
    change_status,
    mark,
)
"""Subcommands of `batuta execution`."""

"""`batuta execution`: the executions of a server."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import click

from batuta.cli import inputs, operating
from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server, verbose_option
from batuta.cli.main import FAILED, KILLED
from batuta.errors import Conflict, InvalidRequest
from batuta.model.state import State
from batuta.paths import inside

LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
ENDED = frozenset(state.value for state in State if state.is_ended)
"""States that nothing follows by itself."""
ENDINGS = {"SUCCESS": 0, "WARNING": 0, "KILLED": KILLED}
"""Exit code for the state in which an execution ended; FAILED for all others."""


@click.group(short_help="Start, follow and stop executions of a server.")
def execution() -> None:
    """Start, follow and stop executions of a server."""


for command in operating.COMMANDS:
    execution.add_command(command)


@execution.command()
@click.argument("namespace")
@click.argument("flow_id", metavar="FLOW")
@click.option(
    "-i", "--input", "pairs", metavar="KEY=VALUE", multiple=True, help="An input; for a FILE its path."
)
@click.option(
    "--inputs-file", type=click.Path(path_type=Path), metavar="FILE", help="Inputs as a map in YAML or JSON."
)
@click.option("-l", "--label", "labels", metavar="KEY:VALUE", multiple=True, help="A label.")
@click.option(
    "--follow", is_flag=True, help="Show how it goes, until it ends; the exit code tells its state."
)
@verbose_option
@output_option
@speaks_to_server
def create(
    client: Client,
    namespace: str,
    flow_id: str,
    pairs: tuple[str, ...],
    inputs_file: Path | None,
    labels: tuple[str, ...],
    follow: bool,
    verbose: bool,
    output: str,
) -> None:
    """Start an execution of a flow."""
    given = {**(inputs.of_file(inputs_file) if inputs_file else {}), **inputs.of_pairs(pairs)}
    declared = _declared(client, namespace, flow_id) if given else []
    inputs.refuse(declared, given, "the flow")
    try:
        created = _created(client, namespace, flow_id, given, declared, labels)
    except InvalidRequest as error:
        if error.mend is None:
            declared = declared or _declared(client, namespace, flow_id)
            error.mend = inputs.form_of_wrong(declared, error.what)
        raise
    if follow:
        from batuta.cli import conclusion, following

        last = following.follow(client, created["id"], output, verbose=verbose)
        if output == "json":
            print_json(last)
        else:
            conclusion.print_outputs(last.get("outputs"))
        sys.exit(ENDINGS.get(last["state"]["current"], FAILED))
    if output == "json":
        print_json(created)
    else:
        click.echo(created["id"])


def _declared(client: Client, namespace: str, flow_id: str) -> list[dict[str, Any]]:
    """The inputs of a flow, in the form of the REST API."""
    return client.get("flows", namespace, flow_id).get("inputs") or []


def _created(
    client: Client,
    namespace: str,
    flow_id: str,
    given: dict[str, Any],
    declared: Iterable[Mapping[str, Any]],
    labels: tuple[str, ...],
) -> Any:
    """Start an execution. Inputs travel as parts of a form, files as files."""
    files = {each["id"] for each in declared if each.get("type") == "FILE"}
    query = {"labels": list(labels)} if labels else {}
    with inputs.form(given, files) as body:
        return client.post("executions", namespace, flow_id, query=query, **body)


@execution.command("list")
@click.option("-n", "--namespace", metavar="NAME", help="Only those of this namespace and those below it.")
@click.option("--flow", "flow_id", metavar="ID", help="Only those of this flow.")
@click.option("--state", metavar="STATE", help="Only those in this state.")
@click.option(
    "--size", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, newest first."
)
@output_option
@speaks_to_server
def list_(
    client: Client, namespace: str | None, flow_id: str | None, state: str | None, size: int, output: str
) -> None:
    """List executions, newest first."""
    filters = {
        "filters[namespace][PREFIX]": namespace,
        "filters[flowId][EQUALS]": flow_id,
        "filters[state][EQUALS]": state and state.upper(),
    }
    page = client.get("executions", "search", page=1, size=size, sort="state.startDate:desc", **filters)
    if output == "json":
        print_json(page["results"])
        return
    rows = [
        (
            each["id"],
            each["namespace"],
            each["flowId"],
            each["state"]["current"],
            each["state"].get("startDate"),
            _took(each["state"]),
        )
        for each in page["results"]
    ]
    print_table(("ID", "NAMESPACE", "FLOW", "STATE", "STARTED", "DURATION"), rows)


@execution.command()
@click.argument("execution_id", metavar="ID")
@output_option
@speaks_to_server
def get(client: Client, execution_id: str, output: str) -> None:
    """Show an execution, its task runs and the outputs of its flow."""
    from batuta.cli import conclusion

    found = client.get("executions", execution_id)
    if output == "json":
        print_json(found)
        return
    name = f"{found['namespace']}.{found['flowId']}"
    click.echo(
        f"{name} revision {found['flowRevision']}: {found['state']['current']}, {_took(found['state'])}"
    )
    rows = [
        (run["taskId"], run.get("value"), run["state"]["current"], _took(run["state"]))
        for run in found.get("taskRunList") or ()
    ]
    print_table(("TASK", "VALUE", "STATE", "DURATION"), rows)
    conclusion.print_outputs(found.get("outputs"))


def _took(state: dict[str, Any]) -> str:
    """How long something took, or has taken up to now."""
    from datetime import UTC, datetime, timedelta

    from batuta import iso8601
    from batuta.cli.progress import in_words

    if not state.get("startDate"):
        return ""
    end = iso8601.parse_instant(state["endDate"]) if state.get("endDate") else datetime.now(UTC)
    return in_words(max(end - iso8601.parse_instant(state["startDate"]), timedelta()))


@execution.command()
@click.argument("execution_id", metavar="ID")
@click.option("--follow", is_flag=True, help="Go on with new lines until the execution ends.")
@click.option(
    "--level", type=click.Choice(LEVELS, case_sensitive=False), help="Only lines of this level and above."
)
@output_option
@speaks_to_server
def logs(client: Client, execution_id: str, follow: bool, level: str | None, output: str) -> None:
    """Print the log of an execution."""
    from batuta.cli import following

    if not follow:
        client.get("executions", execution_id)
        lines = client.get("logs", execution_id, minLevel=level)
        if output == "json":
            print_json(lines)
            return
        for line in lines:
            following.print_line(line, output)
        return
    for marker, line in following.until_end(
        client, execution_id, "logs", execution_id, "follow", minLevel=level
    ):
        if marker == "progress" and line.get("message") is not None:
            following.print_line(line, output)


@execution.command("file")
@click.argument("execution_id", metavar="ID")
@click.argument("uri", metavar="URI")
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write it to this file, or into this folder, instead of printing it.",
)
@speaks_to_server
def file_(client: Client, execution_id: str, uri: str, target: Path | None) -> None:
    """Fetch a file that an execution has stored; its outputs have the URI."""
    chunks = client.chunks("executions", execution_id, "file", path=uri)
    # What is wrong is known before the first byte, and before a file is made.
    first = next(chunks, b"")
    if target is None:
        for chunk in chain([first], chunks):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    path = inside(target, uri.rpartition("/")[2], flat=True) if target.is_dir() else target
    try:
        with path.open("wb") as file:
            for chunk in chain([first], chunks):
                file.write(chunk)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidRequest(f"`{path}` cannot be written: {reason}", mend="name another path") from None
    click.echo(f"{path.stat().st_size} bytes written to {path}")


@execution.command()
@click.argument("execution_id", metavar="ID")
@click.option("--cascade/--no-cascade", default=True, help="Kill what it started, too.", show_default=True)
@speaks_to_server
def kill(client: Client, execution_id: str, cascade: bool) -> None:
    """Stop an execution."""
    state = client.get("executions", execution_id)["state"]["current"]
    if state in ENDED:
        raise Conflict(f"{execution_id} has ended already, in the state {state}")
    client.delete("executions", execution_id, "kill", isOnKillCascade=cascade)
    click.echo(f"asked {execution_id} to stop")


@execution.command()
@click.argument("execution_id", metavar="ID")
@click.option("--revision", type=click.IntRange(1), help="Go on with this revision of the flow.")
@output_option
@speaks_to_server
def restart(client: Client, execution_id: str, revision: int | None, output: str) -> None:
    """Run what failed in an execution again.

    With another revision of the flow a copy goes on, and the execution stays as it is.
    """
    try:
        found = client.post("executions", execution_id, "restart", query={"revision": revision})
    except InvalidRequest as error:
        if "No task found" in error.what:
            again = client.command(f"execution replay {execution_id}")
            error.mend = f"nothing in it has failed; run all of it again as a new execution with {again}"
        raise
    if output == "json":
        print_json(found)
    elif found["id"] == execution_id:
        click.echo(f"restarted {execution_id}")
    else:
        click.echo(f"restarted {execution_id} as {found['id']}")


@execution.command()
@click.argument("execution_id", metavar="ID")
@click.option(
    "--from",
    "--task-run",
    "task",
    metavar="TASK",
    help="Begin here instead of the start: a task that has run once, or the id of a task run.",
)
@click.option("--revision", type=click.IntRange(1), help="With this revision of the flow.")
@output_option
@speaks_to_server
def replay(client: Client, execution_id: str, task: str | None, revision: int | None, output: str) -> None:
    """Run an execution again as a new one, with the same inputs."""
    task_run_id = None if task is None else operating.task_run_of(client, execution_id, task)
    query = {"taskRunId": task_run_id, "revision": revision}
    found = client.post("executions", execution_id, "replay", query=query)
    if output == "json":
        print_json(found)
    else:
        click.echo(found["id"])

"""`batuta explain`: why an execution has not ended, and what moves it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from batuta.cli.client import Client, output_option, print_json, speaks_to_server


@click.command(short_help="Say what an execution waits for, and what moves it.")
@click.argument("execution_id", metavar="EXECUTION")
@output_option
@speaks_to_server
def explain(client: Client, execution_id: str, output: str) -> None:
    """Say what an execution waits for, since when, what that waits for in its turn, and the command that
    moves it."""
    found = client.get("executions", execution_id, "explain")
    if output == "json":
        print_json(found)
        return
    name = f"{found['namespace']}.{found['flowId']}"
    click.echo(f"{name} {found['executionId']} is {found['state']}, {_since(found)}")
    click.echo(found["message"])
    for cause in found.get("causes") or ():
        print_cause(client, cause)
    for note in found.get("notes") or ():
        click.echo(f"note: {note}")
    if command := found.get("command"):
        click.echo(f"  to go on: {_command(client, command)}")


def print_cause(client: Client, cause: dict[str, Any], indent: str = "") -> None:
    """Print a cause, what moves it, and the causes of it."""
    value = f" [{cause['value']}]" if cause.get("value") is not None else ""
    since = f", {_since(cause)}" if cause.get("since") else ""
    click.echo(f"{indent}- {cause['message']}{value}{since}")
    if command := cause.get("command"):
        click.echo(f"{indent}  to move it: {_command(client, command)}")
    for behind in cause.get("causes") or ():
        print_cause(client, behind, indent + "  ")


def _command(client: Client, command: str) -> str:
    return client.command(command.removeprefix("batuta ")).strip("`")


def _since(found: dict[str, Any]) -> str:
    """Since when, and how long that is."""
    from batuta import iso8601
    from batuta.cli.progress import in_words

    at = iso8601.parse_instant(found["since"])
    return f"since {found['since']} ({in_words(max(datetime.now(UTC) - at, at - at))})"

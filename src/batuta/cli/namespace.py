"""`batuta namespace`: the namespaces of a server, and what they hold."""

from __future__ import annotations

import click

from batuta.cli.client import Client, output_option, print_json, speaks_to_server
from batuta.cli.lazy import Entry, LazyGroup

MOST_LISTED = 1000


@click.group(
    cls=LazyGroup,
    entries={
        "files": Entry("batuta.cli.namespace_files:files", "Read, write and move the files of a namespace.")
    },
    short_help="Look at namespaces of a server, and manage their files.",
)
def namespace() -> None:
    """Look at namespaces of a server, and manage their files."""


@namespace.command("list")
@click.option("-q", "--query", metavar="TEXT", help="Only those whose name has this text in it.")
@output_option
@speaks_to_server
def list_(client: Client, query: str | None, output: str) -> None:
    """List namespaces."""
    page = client.get("namespaces", "search", page=1, size=MOST_LISTED, q=query)
    if output == "json":
        print_json(page["results"])
        return
    for each in page["results"]:
        click.echo(each["id"])

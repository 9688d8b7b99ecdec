"""`batuta flow`: the flows of a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server
from batuta.cli.lazy import Entry, LazyGroup
from batuta.cli.main import FAILED
from batuta.errors import AlreadyExists, BatutaError, FlowError, InvalidRequest, NotFound
from batuta.paths import inside

YAML = {"content-type": "application/x-yaml"}
MOST_LISTED = 1000

Send = Callable[[Client, str], tuple[str, Any]]
"""Sends the text of a flow, and gives what became of it in a word, and the flow."""


@click.group(
    cls=LazyGroup,
    entries={"validate": Entry("batuta.cli.check:check", "Say everything that is wrong with flow files.")},
    short_help="Create, change and look up flows of a server.",
)
def flow() -> None:
    """Create, change and look up flows of a server."""


@flow.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_option
@speaks_to_server
def create(client: Client, paths: tuple[Path, ...], output: str) -> None:
    """Store new flows from files and folders. One that exists already is an error; `update` changes it."""
    _each(client, paths, output, _create)


@flow.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_option
@speaks_to_server
def update(client: Client, paths: tuple[Path, ...], output: str) -> None:
    """Store flows from files and folders, whether they exist or not; the same text again changes nothing."""
    _each(client, paths, output, _update)


@flow.command("list")
@click.option("-n", "--namespace", metavar="NAME", help="Only flows of this namespace and those below it.")
@output_option
@speaks_to_server
def list_(client: Client, namespace: str | None, output: str) -> None:
    """List flows."""
    filters = {} if namespace is None else {"filters[namespace][PREFIX]": namespace}
    page = client.get("flows", "search", page=1, size=MOST_LISTED, sort="id:asc", **filters)
    if output == "json":
        print_json(page["results"])
        return
    rows = [
        (each["namespace"], each["id"], each.get("revision"), "yes" if each.get("disabled") else "")
        for each in page["results"]
    ]
    print_table(("NAMESPACE", "ID", "REVISION", "DISABLED"), rows)
    if page["total"] > len(rows):
        click.echo(f"… and {page['total'] - len(rows)} more; narrow it with `--namespace`")


@flow.command()
@click.argument("namespace")
@click.argument("flow_id", metavar="ID")
@click.option("--revision", type=click.IntRange(1), help="Not the newest revision, but this one.")
@output_option
@speaks_to_server
def get(client: Client, namespace: str, flow_id: str, revision: int | None, output: str) -> None:
    """Print the text of a flow."""
    found = client.get("flows", namespace, flow_id, source=True, revision=revision)
    if output == "json":
        print_json(found)
    else:
        click.echo(found["source"], nl=not found["source"].endswith("\n"))


@flow.command()
@click.argument("namespace")
@click.argument("flow_id", metavar="ID")
@speaks_to_server
def delete(client: Client, namespace: str, flow_id: str) -> None:
    """Delete a flow. Its revisions stay, and so do its executions."""
    client.delete("flows", namespace, flow_id)
    click.echo(f"deleted {namespace}.{flow_id}")


@flow.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("-n", "--namespace", metavar="NAME", help="Only flows of this namespace and those below it.")
@speaks_to_server
def export(client: Client, folder: Path, namespace: str | None) -> None:
    """Write every flow into a folder, as `<namespace>.<id>.yml`."""
    import io
    import zipfile

    filters = {} if namespace is None else {"filters[namespace][PREFIX]": namespace}
    content = client.content("flows", "export", "by-query", **filters)
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            inside(folder, name, flat=True).write_bytes(archive.read(name))
            count += 1
    click.echo(f"{count} flows written to {folder}")


def _each(client: Client, paths: tuple[Path, ...], output: str, send: Send) -> None:
    """Send every document of every file; each mistake is told, and keeps no other from being stored."""
    answers: list[dict[str, Any]] = []
    stored: dict[Path, None] = {}
    wrong = False
    for path, source in _sources(paths):
        try:
            done, answer = send(client, source)
        except (AlreadyExists, FlowError, InvalidRequest) as error:
            _tell(path, error)
            wrong = True
            continue
        stored[path] = None
        answers.append(answer)
        if output == "text":
            click.echo(f"{done} {answer['namespace']}.{answer['id']} revision {answer['revision']}")
    if output == "json":
        print_json(answers)
    for path in stored:
        _warn(path)
    if wrong:
        raise SystemExit(FAILED)


def _warn(path: Path) -> None:
    """What a server takes, and what will most likely fail when it runs."""
    from batuta.cli.check import findings_of, told

    for found in findings_of(path):
        if found.severity != "note":
            click.echo(told(found), err=True)


def _tell(path: Path, error: BatutaError) -> None:
    """Every finding names its file; what belongs to a finding stands below it."""
    for line in str(error).splitlines():
        click.echo(line if line.startswith("  ") else f"error: {path}: {line}", err=True)


def _create(client: Client, source: str) -> tuple[str, Any]:
    from batuta import flows

    try:
        return "created", client.post("flows", content=source.encode(), headers=YAML)
    except InvalidRequest as error:
        if "already exists" not in error.what:
            raise
        raise AlreadyExists(
            f"the flow {flows.parse(source).key} already exists", mend="use `batuta flow update`"
        ) from None


def _update(client: Client, source: str) -> tuple[str, Any]:
    from batuta import flows

    try:
        key = flows.parse(source).key
    except FlowError:
        return _create(client, source)  # the server says everything that is wrong
    try:
        before = client.get("flows", key.namespace, key.id)["revision"]
    except NotFound:
        return _create(client, source)
    answer = client.put("flows", key.namespace, key.id, content=source.encode(), headers=YAML)
    return "unchanged" if answer["revision"] == before else "updated", answer


def _sources(paths: tuple[Path, ...]) -> list[tuple[Path, str]]:
    from batuta import flows
    from batuta.cli.loading import flow_paths, text_of

    files = [file for path in paths for file in (flow_paths(path) if path.is_dir() else [path])]
    if not files:
        raise InvalidRequest(
            "there are no flow files", where=", ".join(map(str, paths)), mend="name `*.yaml` files"
        )
    return [(path, part.source) for path in files for part in flows.parts(text_of(path))]

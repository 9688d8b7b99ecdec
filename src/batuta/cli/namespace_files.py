"""`batuta namespace files`: the files of a namespace of a server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server
from batuta.errors import InvalidRequest, NotFound

IGNORE_FILE = ".kestraignore"
NEVER_UPLOADED = frozenset({".git", IGNORE_FILE})


@click.group(short_help="Read, write and move the files of a namespace.")
def files() -> None:
    """Read, write and move the files of a namespace."""


@files.command("list")
@click.argument("namespace")
@click.argument("path", default="/")
@click.option("-r", "--recursive", is_flag=True, help="Every file below, not only what is directly there.")
@output_option
@speaks_to_server
def list_(client: Client, namespace: str, path: str, recursive: bool, output: str) -> None:
    """List the files and folders in a folder."""
    if recursive:
        found = _below(client, namespace, path)
        if output == "json":
            print_json(found)
        else:
            click.echo("".join(f"{each}\n" for each in found), nl=False)
        return
    entries = client.get("namespaces", namespace, "files", "directory", path=path)
    if output == "json":
        print_json(entries)
        return
    rows = [
        (
            each["fileName"] + ("/" if each["type"] == "Directory" else ""),
            each["size"] if each["type"] == "File" else "",
            datetime.fromtimestamp(each["lastModifiedTime"] / 1000, UTC).isoformat(timespec="seconds"),
        )
        for each in entries
    ]
    print_table(("NAME", "BYTES", "CHANGED"), rows)


@files.command()
@click.argument("namespace")
@click.argument("path")
@click.argument("target", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--revision", type=click.IntRange(1), help="Not the newest revision, but this one.")
@speaks_to_server
def get(client: Client, namespace: str, path: str, target: Path | None, revision: int | None) -> None:
    """Print a file, or write it to TARGET."""
    chunks = client.chunks("namespaces", namespace, "files", path=path, revision=revision)
    _written(chunks, target)


@files.command()
@click.argument("namespace")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("path", required=False)
@speaks_to_server
def put(client: Client, namespace: str, file: Path, path: str | None) -> None:
    """Write FILE to PATH, by default under its own name; one that exists gets a new revision."""
    target = path or f"/{file.name}"
    _upload(client, namespace, file, target)
    click.echo(f"uploaded {target}")


@files.command()
@click.argument("namespace")
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path, exists=True))
@click.argument("target", metavar="[TO]", default="/")
@click.option("--delete/--no-delete", default=False, help="Remove files of the namespace that are not here.")
@speaks_to_server
def update(client: Client, namespace: str, source: Path, target: str, delete: bool) -> None:
    """Write a folder, or one file, into the folder TO. A `.kestraignore` says what is left out."""
    folder = "/" + target.strip("/")
    prefix = folder.rstrip("/") + "/"
    before = set(_below(client, namespace, folder)) if delete else set()
    sent = set()
    for file, name in _local(source):
        _upload(client, namespace, file, prefix + name)
        sent.add(prefix + name)
        click.echo(f"uploaded {prefix}{name}")
    for path in sorted(before - sent):
        client.delete("namespaces", namespace, "files", path=path)
        click.echo(f"deleted {path}")
    click.echo(f"{len(sent)} file(s) for namespace '{namespace}' successfully updated !")


@files.command()
@click.argument("namespace")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@speaks_to_server
def move(client: Client, namespace: str, source: str, target: str) -> None:
    """Give a file or a folder another path."""
    client.put("namespaces", namespace, "files", params={"from": source, "to": target})
    click.echo(f"moved {source} to {target}")


@files.command()
@click.argument("namespace")
@click.argument("path")
@speaks_to_server
def delete(client: Client, namespace: str, path: str) -> None:
    """Remove a file, or a folder with everything in it."""
    client.delete("namespaces", namespace, "files", path=path)
    click.echo(f"deleted {path}")


@files.command()
@click.argument("namespace")
@click.argument("text")
@speaks_to_server
def search(client: Client, namespace: str, text: str) -> None:
    """Print the paths that have TEXT in them."""
    for path in client.get("namespaces", namespace, "files", "search", q=text):
        click.echo(path)


@files.command()
@click.argument("namespace")
@click.argument("path")
@output_option
@speaks_to_server
def revisions(client: Client, namespace: str, path: str, output: str) -> None:
    """Print the numbers of a file's revisions, oldest first."""
    found = client.get("namespaces", namespace, "files", "revisions", path=path)
    if output == "json":
        print_json(found)
        return
    for each in found:
        click.echo(each["revision"])


@files.command()
@click.argument("namespace")
@click.argument("target", required=False, type=click.Path(path_type=Path, dir_okay=False))
@speaks_to_server
def export(client: Client, namespace: str, target: Path | None) -> None:
    """Write all files into a zip archive, by default `<namespace>_files.zip`."""
    place = target or Path(f"{namespace}_files.zip")
    _written(client.chunks("namespaces", namespace, "files", "export"), place)
    click.echo(f"written to {place}")


@files.command("import")
@click.argument("namespace")
@click.argument("archive", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@speaks_to_server
def import_(client: Client, namespace: str, archive: Path) -> None:
    """Unpack a zip archive into a namespace; `_flows/*.yml` in it become flows."""
    with archive.open("rb") as content:
        client.post(
            "namespaces", namespace, "files", query={"path": "/"}, files={"fileContent": ("all.zip", content)}
        )
    click.echo(f"imported {archive}")


def _upload(client: Client, namespace: str, file: Path, path: str) -> None:
    # The name of the part is not that of the file: an archive shall stay one.
    with file.open("rb") as content:
        client.post(
            "namespaces", namespace, "files", query={"path": path}, files={"fileContent": ("file", content)}
        )


def _below(client: Client, namespace: str, path: str) -> list[str]:
    """Paths of every file below a folder."""
    prefix = "/" + path.strip("/")
    prefix = prefix.rstrip("/") + "/"
    found: list[Any] = client.get("namespaces", namespace, "files", "search", q=prefix)
    return [each for each in found if each.startswith(prefix)]


def _local(source: Path) -> Iterator[tuple[Path, str]]:
    """Files to upload, each with its path relative to the folder; links to elsewhere are left out."""
    if source.is_file():
        yield source, source.name
        return
    from pathspec import GitIgnoreSpec

    rules = source / IGNORE_FILE
    ignored = GitIgnoreSpec.from_lines(rules.read_text("utf-8").splitlines() if rules.is_file() else ())
    for place, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in NEVER_UPLOADED)
        for name in sorted(names):
            file = Path(place, name)
            relative = file.relative_to(source).as_posix()
            if name in NEVER_UPLOADED or file.is_symlink() or ignored.match_file(relative):
                continue
            yield file, relative


def _written(chunks: Iterator[bytes], target: Path | None) -> None:
    """Write what comes to a file, or to the standard output; a file is there as a whole or not at all."""
    if target is None:
        out = sys.stdout.buffer
        for chunk in chunks:
            out.write(chunk)
        return
    if not target.parent.is_dir():
        raise NotFound(f"there is no folder `{target.parent}`", mend="make it first")
    partial = target.with_name(f".{target.name}.part")
    try:
        with partial.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        partial.replace(target)
    except OSError as error:
        raise InvalidRequest(f"`{target}` cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)

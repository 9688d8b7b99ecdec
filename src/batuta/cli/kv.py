"""`batuta kv`: key-value entries of a server."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server

TYPES = ("STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON")


@click.group(short_help="Read and change key-value entries of a server.")
def kv() -> None:
    """Read and change key-value entries of a server."""


@kv.command("list")
@click.argument("namespace", required=False)
@click.option("--inherited", is_flag=True, help="Also what the namespace has from its parents.")
@click.option(
    "-q", "--query", metavar="TEXT", help="Only entries with this in key, namespace or description."
)
@output_option
@speaks_to_server
def list_(client: Client, namespace: str | None, inherited: bool, query: str | None, output: str) -> None:
    """List the entries of a namespace, or of all."""
    if inherited:
        if namespace is None:
            raise click.UsageError("--inherited needs a namespace")
        found = client.get("namespaces", namespace, "kv", "inheritance")
    else:
        filters = {"filters[namespace][EQUALS]": namespace, "filters[q][EQUALS]": query}
        found = client.pages("kv", sort="namespace:asc", **filters)
    if output == "json":
        print_json(found)
        return
    rows = [
        (
            each["namespace"],
            each["key"],
            each["version"],
            each["updateDate"],
            each.get("expirationDate", ""),
            each.get("description", ""),
        )
        for each in found
    ]
    print_table(("NAMESPACE", "KEY", "VERSION", "UPDATED", "EXPIRES", "DESCRIPTION"), rows)


@kv.command()
@click.argument("namespace")
@click.argument("key")
@output_option
@speaks_to_server
def get(client: Client, namespace: str, key: str, output: str) -> None:
    """Print a value: text as it is, everything else as JSON."""
    if output == "json":
        print_json(client.get("namespaces", namespace, "kv", key, "detail"))
        return
    value = client.get("namespaces", namespace, "kv", key)["value"]
    if isinstance(value, str):
        click.echo(value)
    else:
        print_json(value)


@kv.command("set")
@click.argument("namespace")
@click.argument("key")
@click.argument("value", required=False)
@click.option(
    "-f", "--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="Take it from here."
)
@click.option(
    "-t", "--type", "kind", type=click.Choice(TYPES, case_sensitive=False), help="What the value is."
)
@click.option("--ttl", metavar="DURATION", help="How long it lives, such as PT1H or P7D.")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option("--keep", is_flag=True, help="Fail when the key exists.")
@speaks_to_server
def set_(
    client: Client,
    namespace: str,
    key: str,
    value: str | None,
    path: Path | None,
    kind: str | None,
    ttl: str | None,
    description: str | None,
    keep: bool,
) -> None:
    """Set a value, given as a word, in a file, or on standard input.

    Without a type it is what it looks like: a number, `true`, a date, a duration, JSON, or else text.
    """
    text = _given(value, path)
    headers = {"Content-Type": "text/plain"}
    if description is not None:
        headers["description"] = description
    client.put(
        "namespaces",
        namespace,
        "kv",
        key,
        params={"ttl": ttl, "overwrite": "false" if keep else None},
        content=_literal(text, kind).encode(),
        headers=headers,
    )
    click.echo("set")


def _given(value: str | None, path: Path | None) -> str:
    from batuta.errors import InvalidRequest

    if value is not None and path is not None:
        raise click.UsageError("give the value as a word or in a file, not both")
    if value is not None:
        return value
    if path is not None:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"`{path}` cannot be read: {error}") from None
    if sys.stdin.isatty():
        raise click.UsageError("give a value, `--file`, or something on standard input")
    text = sys.stdin.read()
    if not text:
        # Most likely a command before the pipe has failed; what the key holds must not be lost by that.
        raise InvalidRequest("there is no value on standard input", mend="an empty text is written `''`")
    return text


def _instant(text: str) -> None:
    """Refuse what is no instant."""
    from datetime import datetime

    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("no zone")


def _date(text: str) -> None:
    """Refuse what is no date."""
    from datetime import date

    date.fromisoformat(text)


def _duration(text: str) -> None:
    """Refuse what is no duration."""
    from batuta import iso8601

    iso8601.parse_duration(text)


_READERS = {"DATETIME": _instant, "DATE": _date, "DURATION": _duration}


def _literal(text: str, kind: str | None) -> str:
    """The value as the server has to read it to make it of a type."""
    import json

    from batuta.errors import InvalidRequest

    if kind is None:
        return text
    if kind.upper() == "STRING":
        return json.dumps(text)
    if kind.upper() in _READERS:
        try:
            _READERS[kind.upper()](text.strip())
        except ValueError:
            raise InvalidRequest(f"`{text}` is not a {kind.upper()}") from None
        return text.strip()
    try:
        value = json.loads(text.strip().lower() if kind.upper() == "BOOLEAN" else text)
    except ValueError:
        raise InvalidRequest(f"`{text}` is not a {kind.upper()}") from None
    fits = {"BOOLEAN": bool, "NUMBER": int | float, "JSON": dict | list | str | int | float | None}[
        kind.upper()
    ]
    if not isinstance(value, fits) or (kind.upper() == "NUMBER" and isinstance(value, bool)):
        raise InvalidRequest(f"`{text}` is not a {kind.upper()}")
    return text.strip().lower() if kind.upper() == "BOOLEAN" else text


@kv.command()
@click.argument("namespace")
@click.argument("keys", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every key of the namespace.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@speaks_to_server
def delete(client: Client, namespace: str, keys: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Remove keys."""
    if everything == bool(keys):
        raise click.UsageError("give keys, or --all")
    if everything:
        entries = client.pages("kv", sort="namespace:asc", **{"filters[namespace][EQUALS]": namespace})
        keys = tuple(entry["key"] for entry in entries)
        if keys and not yes:
            click.confirm(f"Remove {len(keys)} keys of {namespace}?", abort=True)
    missing = [key for key in keys if not client.delete("namespaces", namespace, "kv", key)]
    click.echo(f"removed {len(keys) - len(missing)}")
    if missing:
        from batuta.errors import NotFound

        raise NotFound(f"{namespace} has no key {', '.join(f'`{key}`' for key in missing)}")

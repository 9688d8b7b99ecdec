"""`batuta secret`: secrets of a server; values are read from a prompt or from standard input, never shown."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server
from batuta.errors import InvalidRequest

PAGE = 1000


@click.group(short_help="Set and list secrets of a server, never shown.")
def secret() -> None:
    """Set and list secrets of a server.

    Flows read them with `{{ secret('KEY') }}`; nobody is shown a value.
    """


@secret.command("list")
@click.argument("namespace", required=False)
@output_option
@speaks_to_server
def list_(client: Client, namespace: str | None, output: str) -> None:
    """List the names of secrets; those without a namespace are of the server's environment."""
    place = ("secrets",) if namespace is None else ("namespaces", namespace, "secrets")
    found = client.get(*place, page=1, size=PAGE)["results"]
    if output == "json":
        print_json(found)
        return
    rows = [(each.get("namespace", ""), each["key"], each.get("description", "")) for each in found]
    print_table(("NAMESPACE", "KEY", "DESCRIPTION"), rows)


@secret.command("set")
@click.argument("namespace")
@click.argument("key")
@click.option(
    "-f", "--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="Take the value from here."
)
@click.option("--description", metavar="TEXT", help="What it is for.")
@speaks_to_server
def set_(client: Client, namespace: str, key: str, path: Path | None, description: str | None) -> None:
    """Set a secret. The value comes from a prompt, from standard input or from a file.

    There is no option for it: what stands on a command line is seen by every user of the machine.
    """
    body = {"key": key, "value": _value(path), "description": description}
    client.put("namespaces", namespace, "secrets", json={k: v for k, v in body.items() if v is not None})
    click.echo("set")


def _value(path: Path | None) -> str:
    if path is not None:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"`{path}` cannot be read: {error}") from None
    if sys.stdin.isatty():
        entered: str = click.prompt("Value", hide_input=True, confirmation_prompt=True)
        return entered
    # A line end that `echo` adds is not part of a password; several lines are kept as they are.
    text = sys.stdin.read()
    text = text.removesuffix("\n") if text.count("\n") == 1 else text
    if not text:
        raise InvalidRequest(
            "there is no value on standard input", mend="`printf %s VALUE | batuta secret set ...`"
        )
    return text


@secret.command()
@click.argument("namespace")
@click.argument("key")
@speaks_to_server
def delete(client: Client, namespace: str, key: str) -> None:
    """Remove a secret."""
    client.delete("namespaces", namespace, "secrets", key)
    click.echo("removed")


@secret.command("rotate")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder of a stopped server.",
)
def rotate(data: Path | None) -> None:
    """Exchange the encryption key of a stopped server, and encrypt its secrets anew.

    The key file gets a new first line. The older keys stay in it, for inputs of past executions were
    encrypted with them; take a line out once nothing of its time is needed any more.
    """
    import asyncio

    from batuta.settings.sources import settings

    count = asyncio.run(_rotate(settings(data_dir=data)))
    click.echo(f"a new key is in use; {count} secret{'' if count == 1 else 's'} encrypted anew")


async def _rotate(given: object) -> int:
    from batuta.clock import SystemClock
    from batuta.secrets.cipher import Cipher
    from batuta.secrets.environment import EnvironmentSecrets
    from batuta.secrets.stored import StoredSecrets
    from batuta.settings.tree import Settings
    from batuta.store.lock import hold
    from batuta.store.sqlite import opened

    assert isinstance(given, Settings)
    if not given.data_dir.is_dir():
        raise InvalidRequest(
            f"there is no data folder `{given.data_dir}`", mend="name the one of the server with `--data`"
        )
    with hold(given.data_dir):
        cipher = Cipher(given.encryption_key, given.data_dir, given.older_keys)
        if not given.encryption_key:
            cipher.exchange()
        async with opened(given.data_dir / "batuta.db") as store:
            secrets = StoredSecrets(store.secrets, EnvironmentSecrets({}), cipher, SystemClock())
            return await secrets.encrypt_anew()

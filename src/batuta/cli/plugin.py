"""`batuta plugin`: which types there are and what they take, without a server or a network."""

from __future__ import annotations

import click
import msgspec


@click.group(short_help="Look up types of tasks, triggers and conditions.")
def plugin() -> None:
    """Look up types of tasks, triggers and conditions."""


_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Words or JSON.")


@plugin.command("list")
@click.argument("word", required=False)
@_output
def list_(word: str | None, output: str) -> None:
    """List the types, or those with WORD in their name, kind or description."""
    from batuta.plugin import families

    found = [each for each in families.entries() if word is None or _mentions(each, word)]
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    if not found:
        click.echo(f"no type mentions `{word}`; `batuta plugin list` names all")
        return
    width = max(len(each.type) for each in found)
    kinds = max(len(each.kind) for each in found)
    for each in found:
        click.echo(f"{each.type:<{width}}  {each.kind:<{kinds}}  {each.title}")


def _mentions(entry: object, word: str) -> bool:
    return word.lower() in str(msgspec.to_builtins(entry)).lower()


@plugin.command()
@click.argument("type_", metavar="TYPE")
@_output
def show(type_: str, output: str) -> None:
    """Show what a type does, an example, its properties and its outputs.

    TYPE is its name, or the end of it as far as that is certain: python.Script, http.Request.
    """
    from batuta.plugin import families

    entry = families.find(type_)
    if output == "json":
        told = {**msgspec.to_builtins(entry), "markdown": families.page(entry)}
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
        return
    click.echo(families.page(entry))
    if entry.kind in ("task", "trigger"):
        click.echo(f"Besides: the properties that every {entry.kind} has, `batuta plugin common`.")


@plugin.command()
def common() -> None:
    """Show the properties that every task and every trigger has."""
    from batuta.flows import reference

    click.echo(reference.common_page())

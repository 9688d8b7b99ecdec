"""A group of commands that imports a command when it is called, and not to list it."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click

from batuta.nearness import did_you_mean


class Entry(NamedTuple):
    """Where a command is, and what the list of commands says about it."""

    place: str
    """`module:attribute`."""
    summary: str


class LazyGroup(click.Group):
    """Commands by name, each a place; commands that are added in the usual way stand beside them."""

    def __init__(self, *args: Any, entries: dict[str, Entry] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entries = entries or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which they were declared, not by alphabet: what is used most comes first."""
        return [*self.entries, *(name for name in self.commands if name not in self.entries)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now if it was not before."""
        known = self.commands.get(cmd_name)
        if known is not None or cmd_name not in self.entries:
            return known
        module, _, attribute = self.entries[cmd_name].place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        self.commands[cmd_name] = command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, with "did you mean" for a name that is not there."""
        name = args[0] if args else ""
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            hint = did_you_mean(name, self.list_commands(ctx))
            hint = hint or f"`{ctx.command_path} --help` lists what there is"
            raise click.UsageError(f"`{name}` is not a command of `{ctx.command_path}`; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, written without importing any that has an entry."""
        rows = [
            (
                name,
                self.entries[name].summary
                if name in self.entries
                else self.commands[name].get_short_help_str(80),
            )
            for name in self.list_commands(ctx)
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

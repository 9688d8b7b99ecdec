"""`batuta schedule`: when schedules will tick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server
from batuta.errors import InvalidRequest


@click.group(short_help="Look at the ticks of schedules.")
def schedule() -> None:
    """Look at the ticks of schedules."""


@schedule.command()
@click.argument("flow", nargs=-1, required=True, metavar="FLOW")
@click.option("--count", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many ticks.")
@click.option("--from", "start", metavar="DATE", help="Ticks after this date; after now without it.")
@output_option
@speaks_to_server
def preview(client: Client, flow: tuple[str, ...], count: int, start: str | None, output: str) -> None:
    """Show the next ticks of each schedule of a flow, with their zone and what clocks do around them.

    FLOW is a file, or namespace and id of a flow of the server, as two words or joined by a dot.
    """
    if len(flow) == 1 and (Path(flow[0]).is_file() or flow[0].endswith((".yaml", ".yml"))):
        found = _of_file(Path(flow[0]), count, start)
    else:
        namespace, flow_id = names(flow)
        query = {"count": count, "from": start}
        found = client.get("triggers", namespace, flow_id, "preview", **query)
    if output == "json":
        print_json(found)
        return
    if not found:
        click.echo("the flow has no schedule")
    for place, each in enumerate(found):
        if place:
            click.echo()
        _print(each)


def names(flow: tuple[str, ...]) -> tuple[str, str]:
    """Namespace and id of a flow, given as two words or as one."""
    parts = flow if len(flow) > 1 else tuple(flow[0].rpartition(".")[::2])
    if len(parts) != 2 or not all(parts):
        raise InvalidRequest(
            f"`{' '.join(flow)}` does not name a flow", mend="write namespace and id: `company.team hello`"
        )
    return parts[0], parts[1]


def _of_file(path: Path, count: int, start: str | None) -> list[dict[str, Any]]:
    """The same without a server."""
    import json
    from datetime import UTC, datetime

    import msgspec

    from batuta import expr, flows
    from batuta.cli.loading import text_of
    from batuta.engine.world import World
    from batuta.firing import previewing
    from batuta.firing.rules import Rule, Schedule, class_of

    now = datetime.now(UTC)
    try:
        begin = now if start is None else datetime.fromisoformat(start)
    except ValueError:
        raise InvalidRequest(f"`--from` must be a date such as 2026-03-01T08:00:00Z, not `{start}`") from None
    begin = begin.replace(tzinfo=UTC) if begin.tzinfo is None else begin
    flow = flows.parse(text_of(path))
    rules = previewing.schedules(Rule(flow, each) for each in flow.triggers if class_of(each))
    world = World()
    found = [
        previewing.previewed(Schedule(rule, world, expr.Facts(), world.options(now)), begin, count)
        for rule in rules
    ]
    told: list[dict[str, Any]] = json.loads(msgspec.json.encode(found))
    return told


def _print(found: dict[str, Any]) -> None:
    what = found.get("cron") or "listed dates"
    off = "  (disabled)" if found["disabled"] else ""
    click.echo(f"{found['triggerId']}: {what} in {found['timezone']}{off}")
    for condition in found["conditions"]:
        rest = ", ".join(f"{name}: {value}" for name, value in condition.items() if name != "type")
        click.echo(f"  if {condition['type'].rpartition('.')[2]} {rest}".rstrip())
    if problem := found.get("problem"):
        click.echo(f"  problem: what it starts fails: {problem}")
    rows = [(each["date"], each.get("note", "")) for each in found["ticks"]]
    if rows:
        print_table(("DATE", "NOTE") if any(note for _, note in rows) else ("DATE", ""), rows)
    else:
        click.echo("no tick to come")

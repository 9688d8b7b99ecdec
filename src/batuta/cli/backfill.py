"""`batuta backfill`: the past of schedules, filled in."""

from __future__ import annotations

from typing import Any

import click

from batuta.cli.client import Client, output_option, print_json, speaks_to_server
from batuta.cli.trigger import HELD, body_of, names_trigger
from batuta.errors import InvalidRequest

SHOWN_DATES = 20


@click.group(short_help="Start the executions that a schedule would have started in the past.")
def backfill() -> None:
    """Start the executions that a schedule would have started in the past."""


@backfill.command()
@names_trigger
@click.option("--start", required=True, metavar="DATE", help="First date, such as 2026-01-01T00:00:00Z.")
@click.option("--end", metavar="DATE", help="Last date; now without it.")
@click.option("-i", "--input", "pairs", metavar="KEY=VALUE", multiple=True, help="An input.")
@click.option("-l", "--label", "labels", metavar="KEY:VALUE", multiple=True, help="A label.")
@click.option("--dry-run", is_flag=True, help="Only say what would be started, and for which dates.")
@output_option
@speaks_to_server
def create(
    client: Client,
    namespace: str,
    flow_id: str,
    trigger_id: str,
    start: str,
    end: str | None,
    pairs: tuple[str, ...],
    labels: tuple[str, ...],
    dry_run: bool,
    output: str,
) -> None:
    """Fill a range of dates, one execution after the other, both ends included."""
    from batuta.cli import inputs

    asked: dict[str, Any] = {
        "start": start,
        "end": end,
        "inputs": inputs.of_pairs(pairs),
        "labels": [_label(text) for text in labels],
    }
    body = {**body_of(namespace, flow_id, trigger_id), "backfill": asked}
    outlook = client.put("triggers", "backfill", "create", params={"dryRun": "true"}, json=body)
    problems = outlook.get("problems", [])
    if dry_run:
        if output == "json":
            print_json(outlook)
            return
        _print_dates(outlook)
        for problem in problems:
            click.echo(f"problem: {problem}")
        _print_hold(outlook, body)
        return
    if problems:
        raise InvalidRequest("; ".join(problems), mend="give the inputs with `-i`, or mend the flow")
    if not outlook["count"]:
        raise InvalidRequest(
            f"the schedule has no date from {start} to {end or 'now'}, so there is nothing to start",
            mend="`batuta schedule preview` shows its dates",
        )
    state = client.put("triggers", "backfill", "create", json=body)
    if output == "json":
        print_json(state)
        return
    click.echo(f"{_counted(outlook)}, one after the other, for {_range(outlook)}")
    _print_hold(outlook, body)


def _label(text: str) -> dict[str, str]:
    key, sign, value = text.partition(":")
    if not sign or not key or not value:
        raise InvalidRequest(f"`{text}` is not a label", mend="write `-l key:value`")
    return {"key": key, "value": value}


def _counted(outlook: dict[str, Any]) -> str:
    more = "" if outlook["isComplete"] else "at least "
    return f"{more}{outlook['count']} execution{'' if outlook['count'] == 1 else 's'}"


def _range(outlook: dict[str, Any]) -> str:
    first, last = outlook["dates"][0], outlook["dates"][-1]
    if first == last:
        return str(first)
    return f"{first} to {last}" if outlook["count"] == len(outlook["dates"]) else f"{first} and later"


def _print_hold(outlook: dict[str, Any], name: dict[str, Any]) -> None:
    """Say why nothing runs yet (triggers spec A5, rule 10)."""
    if outlook.get("held"):
        click.echo(f"note: nothing runs while the text of the flow keeps the trigger from it; {HELD}")
    elif outlook.get("disabled"):
        words = " ".join((name["namespace"], name["flowId"], name["triggerId"]))
        click.echo(f"note: nothing runs before `batuta trigger enable {words}`")


def _print_dates(found: dict[str, Any]) -> None:
    count, dates = found["count"], found["dates"]
    click.echo(f"{_counted(found)}, dates in {found['timezone']}")
    for date in dates[:SHOWN_DATES]:
        click.echo(f"  {date}")
    if count > SHOWN_DATES:
        click.echo(f"  and {count - SHOWN_DATES} more")


def _print_state(state: dict[str, Any]) -> None:
    found = state.get("backfill")
    if found is None:
        click.echo(f"no backfill; next tick {state.get('nextEvaluationDate', 'none')}")
        return
    paused = " (paused)" if found["paused"] else ""
    click.echo(f"from {found['start']} to {found['end']}, at {found['currentDate']}{paused}")


@backfill.command()
@names_trigger
@speaks_to_server
def pause(client: Client, namespace: str, flow_id: str, trigger_id: str) -> None:
    """Hold a backfill back, and the schedule with it."""
    _print_state(client.put("triggers", "backfill", "pause", json=body_of(namespace, flow_id, trigger_id)))


@backfill.command()
@names_trigger
@speaks_to_server
def resume(client: Client, namespace: str, flow_id: str, trigger_id: str) -> None:
    """Let a backfill go on."""
    _print_state(client.put("triggers", "backfill", "unpause", json=body_of(namespace, flow_id, trigger_id)))


@backfill.command()
@names_trigger
@click.option("--dry-run", is_flag=True, help="Only say how far the backfill has come.")
@speaks_to_server
def delete(client: Client, namespace: str, flow_id: str, trigger_id: str, dry_run: bool) -> None:
    """Give a backfill up; what it has started stays."""
    if dry_run:
        page = client.get("triggers", namespace, flow_id, page=1, size=1000)
        for each in page["results"]:
            if each["triggerId"] == trigger_id:
                _print_state(each)
        return
    _print_state(client.post("triggers", "backfill", "delete", json=body_of(namespace, flow_id, trigger_id)))

"""`batuta backfill`: the past of schedules, filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server
from batuta.cli.trigger import HELD, Named, body_of, names_trigger, names_triggers, print_count
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


@backfill.command("list")
@click.option("-n", "--namespace", metavar="NAME", help="Only those of this namespace and those below it.")
@click.option("--flow", "flow_id", metavar="ID", help="Only those of this flow.")
@output_option
@speaks_to_server
def list_(client: Client, namespace: str | None, flow_id: str | None, output: str) -> None:
    """List the backfills that are under way."""
    filters = {"filters[namespace][PREFIX]": namespace, "filters[flowId][EQUALS]": flow_id}
    states = [each["state"] for each in client.pages("triggers", "search", **filters)]
    found = [state for state in states if state.get("backfill")]
    if output == "json":
        print_json(found)
        return
    rows = [
        (
            state["namespace"],
            state["flowId"],
            state["triggerId"],
            state["backfill"]["start"],
            state["backfill"]["end"],
            state["backfill"]["currentDate"],
            "paused" if state["backfill"]["paused"] else state.get("executionId", ""),
        )
        for state in found
    ]
    print_table(("NAMESPACE", "FLOW", "TRIGGER", "START", "END", "AT", "WAITS FOR"), rows)


@backfill.command()
@speaks_to_server
@names_triggers
def pause(client: Client, named: Named) -> None:
    """Hold a backfill back, or many, and their schedules with them."""
    _move(client, named, client.put, "pause", "paused")


@backfill.command()
@speaks_to_server
@names_triggers
def resume(client: Client, named: Named) -> None:
    """Let a backfill go on, or many."""
    _move(client, named, client.put, "unpause", "resumed")


@backfill.command()
@speaks_to_server
@names_triggers
def delete(client: Client, named: Named) -> None:
    """Give a backfill up, or many; what they have started stays."""
    _move(client, named, client.post, "delete", "without their backfills")


def _move(client: Client, named: Named, send: Callable[..., Any], verb: str, done: str) -> None:
    if named.key is None:
        answer = client.post("triggers", "backfill", verb, "by-query", query=named.filters)
        print_count(answer, done)
    else:
        _print_state(send("triggers", "backfill", verb, json=body_of(*named.key)))

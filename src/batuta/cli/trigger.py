"""`batuta trigger`: the triggers of a server."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import click

from batuta.cli.client import Client, output_option, print_json, print_table, speaks_to_server
from batuta.errors import Conflict

F = Any

HELD = "save the flow without `disabled: true`, and not as a draft"


@click.group(short_help="Look at triggers of a server, and switch them on and off.")
def trigger() -> None:
    """Look at triggers of a server, and switch them on and off."""


def names_trigger(command: F) -> F:
    """The three words by which a trigger is known."""
    for name, metavar in (("trigger_id", "TRIGGER"), ("flow_id", "FLOW"), ("namespace", "NAMESPACE")):
        command = click.argument(name, metavar=metavar)(command)
    return command


class Named(NamedTuple):
    """Which triggers a command is about: one by its name, or all that filters fit."""

    key: tuple[str, str, str] | None
    filters: dict[str, str | None]


def names_triggers(command: F) -> F:
    """One trigger by the three words by which it is known, or all of a namespace or a flow."""

    @click.argument("words", nargs=-1, metavar="[NAMESPACE FLOW TRIGGER]")
    @click.option("-n", "--namespace", metavar="NAME", help="All of this namespace and those below it.")
    @click.option("--flow", "flow_id", metavar="ID", help="All of this flow.")
    @functools.wraps(command)
    def wrapped(
        *args: Any, words: tuple[str, ...], namespace: str | None, flow_id: str | None, **more: Any
    ) -> Any:
        filters = {"filters[namespace][PREFIX]": namespace, "filters[flowId][EQUALS]": flow_id}
        if any(filters.values()) == bool(words) or len(words) not in (0, 3):
            raise click.UsageError(
                "name one trigger as NAMESPACE FLOW TRIGGER, or many with --namespace, --flow"
            )
        key = (words[0], words[1], words[2]) if words else None
        return command(*args, named=Named(key, filters), **more)

    return wrapped


def print_count(answer: Any, done: str) -> None:
    """What became of many."""
    count = answer["count"]
    click.echo(f"{count} trigger{'' if count == 1 else 's'} {done}")


@trigger.command("list")
@click.option("-n", "--namespace", metavar="NAME", help="Only those of this namespace and those below it.")
@click.option("--flow", "flow_id", metavar="ID", help="Only those of this flow.")
@click.option("--size", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many.")
@output_option
@speaks_to_server
def list_(client: Client, namespace: str | None, flow_id: str | None, size: int, output: str) -> None:
    """List triggers with what is to come and what holds them."""
    filters = {"filters[namespace][PREFIX]": namespace, "filters[flowId][EQUALS]": flow_id}
    page = client.get("triggers", "search", page=1, size=size, **filters)
    if output == "json":
        print_json(page["results"])
        return
    rows = []
    for each in page["results"]:
        state = each["state"]
        rows.append(
            (
                state["namespace"],
                state["flowId"],
                state["triggerId"],
                "" if state.get("held") else state.get("nextEvaluationDate", ""),
                state.get("lastTriggeredDate", ""),
                _hold(state),
            )
        )
    print_table(("NAMESPACE", "FLOW", "TRIGGER", "NEXT", "LAST STARTED", "HELD"), rows)


def _hold(state: dict[str, Any]) -> str:
    """Why a trigger starts nothing for now; empty when nothing holds it."""
    if state.get("held"):
        return "disabled in the text of its flow"
    if state["disabled"]:
        return "disabled"
    if state["locked"] and state["kind"] != "REALTIME":
        return f"locked by {state.get('executionId', 'an evaluation')}"
    if found := state.get("trouble"):
        reason = found["reason"].partition("\n")[0]
        return f"waits since {found['since']}: {reason}"
    if found := state.get("backfill"):
        return f"backfill at {found['currentDate']}{', paused' if found['paused'] else ''}"
    return ""


@trigger.command()
@names_trigger
@speaks_to_server
def get(client: Client, namespace: str, flow_id: str, trigger_id: str) -> None:
    """Show the state of a trigger."""
    from batuta.errors import NotFound

    page = client.get("triggers", namespace, flow_id, page=1, size=1000)
    for each in page["results"]:
        if each["triggerId"] == trigger_id:
            print_json(each)
            return
    raise NotFound(f"the trigger `{trigger_id}` of {namespace}.{flow_id} has no state")


@trigger.command()
@names_trigger
@output_option
@speaks_to_server
def explain(client: Client, namespace: str, flow_id: str, trigger_id: str, output: str) -> None:
    """Say what a trigger waits for, since when, and what moves it."""
    from batuta.cli.explain import print_cause

    found = client.get("triggers", namespace, flow_id, trigger_id, "explain")
    if output == "json":
        print_json(found)
        return
    for cause in found["causes"]:
        print_cause(client, cause)
    if at := found.get("lastTriggeredDate"):
        click.echo(f"note: it last started an execution at {at}")


def _switch(client: Client, key: tuple[str, str, str], *, disabled: bool, recover: bool = False) -> None:
    body = {**body_of(*key), "disabled": disabled, "recoverMissedSchedules": recover}
    state = client.put("triggers", "set-disabled", json=body)
    if not disabled and state.get("held"):
        raise Conflict("the text of the flow keeps the trigger from starting anything", mend=HELD)
    to_come = state.get("nextEvaluationDate")
    click.echo("disabled" if state["disabled"] else f"enabled, next look at {to_come}")


def body_of(namespace: str, flow_id: str, trigger_id: str) -> dict[str, Any]:
    """A trigger as the API wants it named."""
    return {"namespace": namespace, "flowId": flow_id, "triggerId": trigger_id}


@trigger.command()
@click.option("--recover", is_flag=True, help="Make good the ticks that were missed; of one trigger.")
@speaks_to_server
@names_triggers
def enable(client: Client, named: Named, recover: bool) -> None:
    """Let a trigger, or many, start executions."""
    if named.key is None:
        _switch_many(client, named, disabled=False)
    else:
        _switch(client, named.key, disabled=False, recover=recover)


@trigger.command()
@speaks_to_server
@names_triggers
def disable(client: Client, named: Named) -> None:
    """Keep a trigger, or many, from starting executions."""
    if named.key is None:
        _switch_many(client, named, disabled=True)
    else:
        _switch(client, named.key, disabled=True)


def _switch_many(client: Client, named: Named, *, disabled: bool) -> None:
    query = {**named.filters, "disabled": str(disabled).lower()}
    answer = client.post("triggers", "set-disabled", "by-query", query=query)
    print_count(answer, "disabled" if disabled else "enabled")


@trigger.command()
@speaks_to_server
@names_triggers
def unlock(client: Client, named: Named) -> None:
    """Open the lock of a trigger whose execution will never end, or of many."""
    if named.key is None:
        print_count(client.post("triggers", "unlock", "by-query", query=named.filters), "unlocked")
        return
    client.post("triggers", *named.key, "unlock")
    click.echo("unlocked")


@trigger.command()
@names_trigger
@speaks_to_server
def restart(client: Client, namespace: str, flow_id: str, trigger_id: str) -> None:
    """Give an evaluation up and begin anew."""
    client.post("triggers", namespace, flow_id, trigger_id, "restart")
    click.echo("restarted")


@trigger.command()
@speaks_to_server
@names_triggers
def delete(client: Client, named: Named) -> None:
    """Forget the state of a trigger, or of many; it begins anew when its flow is saved again."""
    if named.key is None:
        print_count(client.delete("triggers", "delete", "by-query", **named.filters), "deleted")
        return
    client.delete("triggers", *named.key)
    click.echo("deleted; it begins anew when its flow is saved again")


@trigger.command()
@click.option("-n", "--namespace", metavar="NAME", help="Only those of this namespace and those below it.")
@click.option("--flow", "flow_id", metavar="ID", help="Only those of this flow.")
@speaks_to_server
def export(client: Client, namespace: str | None, flow_id: str | None) -> None:
    """Print the states of triggers as CSV."""
    filters = {"filters[namespace][PREFIX]": namespace, "filters[flowId][EQUALS]": flow_id}
    click.echo(client.content("triggers", "export", "by-query", "csv", **filters).decode(), nl=False)

"""Backfills: make one, hold it back, give it up (API spec §12; triggers spec A5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import Request

from batuta import flows
from batuta.errors import Conflict, InvalidRequest, NotFound
from batuta.firing import changes, previewing, trial
from batuta.firing.launching import Launcher
from batuta.firing.rules import Rule
from batuta.model.trigger import TriggerRecord
from batuta.web import forms, query
from batuta.web.query import read_instant
from batuta.web.routes import post, put
from batuta.web.shapes import trigger as shape
from batuta.web.site import GivenSite, Site
from batuta.web.trigger_records import (
    BackfillOrder,
    Json,
    TriggerName,
    TriggerOrder,
    begin_backfill,
    end_backfill,
    labels_of,
    need,
    pause,
    rules_of,
    with_schedule,
    write_change,
)


@put("/triggers/backfill/create")
async def create_backfill(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Fill a range of the past; with `dryRun` only say what that would start."""
    order = await forms.json(request, TriggerOrder)
    if query.of(request).flag("dryRun"):
        return await _dry_run(site, order)
    record = await need(site, order.key)
    if record.backfill is not None:
        raise Conflict(
            f"The trigger {order.key} has a backfill already", mend="delete it first, or wait for its end"
        )
    if record.execution_id is not None:
        raise Conflict(
            f"The trigger {order.key} is locked by the execution {record.execution_id}",
            mend="wait for its end, or unlock the trigger",
        )
    return shape.state(await begin_backfill(site, order))


async def _dry_run(site: Site, order: TriggerOrder) -> Json:
    if order.backfill is None:
        raise InvalidRequest("the body has no `backfill`", where="backfill")
    record = await need(site, order.key)
    start = read_instant(order.backfill.start, "backfill.start")
    end = site.now() if order.backfill.end is None else read_instant(order.backfill.end, "backfill.end")
    changes.backfilled(record, id="", start=start, end=end, inputs={}, labels=(), now=site.now())
    rules = await rules_of(site, order.key.flow)
    rule = next((each for each in rules if each.definition.id == order.trigger_id), None)
    if rule is None:
        raise NotFound(f"there is no trigger `{order.trigger_id}` of the flow {order.key.flow}")

    told = await with_schedule(site, rule, lambda found: previewing.filled(found, start, end))
    return told | await _outlook(site, order.backfill, rule, record, told["dates"])


async def _outlook(
    site: Site, asked: BackfillOrder, rule: Rule, record: TriggerRecord, dates: list[str]
) -> Json:
    """What speaks against a backfill: `problems` of its first execution, and a trigger that is `held`."""
    given = asked.inputs or {}
    problems = [
        f"the flow has no input `{name}`; {hint}"
        for name, hint in flows.unknown(rule.flow.inputs, given).items()
    ]
    if dates and not problems:
        launcher = Launcher(site.lookups, site.world)
        tick = datetime.fromisoformat(dates[0])
        labels = labels_of(asked)
        why = await trial.refusal(launcher, rule, tick, site.now(), inputs=given, labels=labels)
        problems += [] if why is None else [f"the execution for {dates[0]} would fail: {why}"]
    return {"problems": problems, "held": record.held, "disabled": record.disabled}


@put("/triggers/backfill/pause")
async def pause_backfill(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Hold a backfill back, and the schedule with it."""
    name = await forms.json(request, TriggerName)
    return shape.state(await write_change(site, name.key, pause(True)))


@put("/triggers/backfill/unpause")
async def unpause_backfill(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Let a backfill go on."""
    name = await forms.json(request, TriggerName)
    return shape.state(await write_change(site, name.key, pause(False)))


@post("/triggers/backfill/delete")
async def delete_backfill(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Give a backfill up; what it has started stays."""
    name = await forms.json(request, TriggerName)
    return shape.state(await write_change(site, name.key, end_backfill))


ROUTES = [
    create_backfill,
    pause_backfill,
    unpause_backfill,
    delete_backfill,
]

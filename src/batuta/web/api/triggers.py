"""Records of triggers: look, switch, unlock, restart (API spec §12; triggers spec A12)."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import FromPath

from batuta.errors import InvalidRequest
from batuta.firing import changes, previewing, trial
from batuta.firing.launching import Launcher
from batuta.model.flow import FlowKey
from batuta.model.trigger import TriggerKey, TriggerKind
from batuta.store.port import AllOf, Condition, Criteria, Search
from batuta.web import filters, forms, query
from batuta.web.access import Action
from batuta.web.routes import delete, get, post, put
from batuta.web.shapes import trigger as shape
from batuta.web.site import GivenSite
from batuta.web.trigger_records import (
    Json,
    TriggerOrder,
    begin_backfill,
    definition_of,
    follow,
    matching,
    need,
    remove_all,
    rules_of,
    switch,
    with_schedule,
    worker_of,
    write_change,
)

# Reading


@get("/triggers/search")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Triggers that fit, with what their flows say; those of flows that are gone are left out."""
    asked = query.of(request)
    page = query.paging(asked)
    criteria = _dated(filters.criteria(asked, filters.TRIGGERS, site.now()), asked.text("dateFilter"))
    found = await site.ports.store.triggers.search(
        Search(criteria=criteria, order=page.order, offset=page.offset, limit=page.limit)
    )
    results = []
    for record in found.results:
        definition = await definition_of(site, record.key)
        if definition is not None:
            worker_id = await worker_of(site, record)
            results.append(shape.with_definition(record, definition, worker_id))
    return {"results": results, "total": found.total}


def _dated(criteria: Criteria, date_filter: str | None) -> Criteria:
    """Bounds in time move to the column that `dateFilter` names."""
    column = {None: None, "NEXT_EXECUTION_DATE": None, "LAST_TRIGGERED_DATE": "lastTriggeredDate"}
    if date_filter not in column:
        raise query.BadQuery(
            f"`dateFilter` cannot be `{date_filter}`",
            where="dateFilter",
            mend="NEXT_EXECUTION_DATE or LAST_TRIGGERED_DATE",
        )
    target = column[date_filter]
    return criteria if target is None else _moved(criteria, target)


def _moved(criteria: Criteria, column: str) -> Criteria:
    match criteria:
        case Condition(field=field) if field in ("startDate", "endDate"):
            return Condition(column, criteria.operation, criteria.value)
        case Condition():
            return criteria
        case _:
            return type(criteria)(tuple(_moved(part, column) for part in criteria.parts))


@get("/triggers/{namespace:str}/{flow_id:str}")
async def of_flow(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Json:
    """Triggers of one flow."""
    site.guard.must(Action.READ, namespace)
    await follow(site, FlowKey(namespace, flow_id))
    asked = query.of(request)
    page = query.paging(asked)
    parts: list[Criteria] = [
        Condition("namespace", "EQUALS", namespace),
        Condition("flowId", "EQUALS", flow_id),
    ]
    words = asked.text("q")
    if words is not None:
        parts.append(Condition("q", "EQUALS", words))
    found = await site.ports.store.triggers.search(
        Search(criteria=AllOf(tuple(parts)), order=page.order, offset=page.offset, limit=page.limit)
    )
    results = [shape.state(record, await worker_of(site, record)) for record in found.results]
    return {"results": results, "total": found.total}


@get("/triggers/export/by-query/csv")
async def export(request: Request[Any, Any, Any], site: GivenSite) -> Response[bytes]:
    """One line per trigger."""
    found = await matching(site, filters.criteria(query.of(request), filters.TRIGGERS, site.now()))
    columns = [
        "namespace", "flowId", "triggerId", "kind", "date", "nextExecutionDate", "lastTriggeredDate",
        "executionId", "disabled", "locked",
    ]  # fmt: skip
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    for record in found:
        row = msgspec.to_builtins(shape.state(record))
        writer.writerow({name: _cell(row.get(name, "")) for name in columns})
    headers = {"Content-Disposition": 'attachment; filename="triggers.csv"'}
    return Response(text.getvalue().encode(), media_type="text/csv", headers=headers)


def _cell(value: Any) -> str:
    """A text that no spreadsheet takes for a formula."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@get("/triggers/{namespace:str}/{flow_id:str}/preview")
async def preview(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> list[Json]:
    """The next ticks of each schedule of a flow, with its zone and what clocks do around them."""
    site.guard.must(Action.READ, namespace)
    asked = query.of(request)
    count = min(asked.number("count", least=1) or previewing.TICKS, previewing.MOST_TICKS)
    start = asked.instant("from") or site.now()
    told = []
    for rule in previewing.schedules(await rules_of(site, FlowKey(namespace, flow_id))):
        found = await with_schedule(site, rule, lambda found: previewing.previewed(found, start, count))
        if found["ticks"]:
            tick = found["ticks"][0]["instant"]
            why = await trial.refusal(Launcher(site.lookups, site.world), rule, tick, site.now())
            found |= {} if why is None else {"problem": why}
        told.append(found)
    return told


# One trigger


@put("/triggers")
async def update(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Switch a trigger on or off, or give it a backfill (1.x)."""
    order = await forms.json(request, TriggerOrder)
    if order.backfill is not None:
        return shape.state(await begin_backfill(site, order))
    record = await need(site, order.key)
    if record.kind is TriggerKind.REALTIME:
        raise InvalidRequest(
            "Realtime triggers can not be updated through the API, please edit the trigger from the flow."
        )
    disabled = bool(order.disabled)
    return shape.state(await write_change(site, order.key, switch(disabled)))


@put("/triggers/set-disabled")
async def set_disabled(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Switch a trigger on or off."""
    order = await forms.json(request, TriggerOrder)
    change = switch(order.disabled is not False, bool(order.recover_missed_schedules))
    return shape.state(await write_change(site, order.key, change))


@post("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}/unlock")
async def unlock(
    namespace: FromPath[str], flow_id: FromPath[str], trigger_id: FromPath[str], site: GivenSite
) -> Json:
    """Open the lock of a trigger by hand."""
    key = TriggerKey(namespace, flow_id, trigger_id)
    return shape.state(await write_change(site, key, lambda record, now: changes.unlocked(record, now=now)))


@post("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}/restart")
async def restart(
    namespace: FromPath[str], flow_id: FromPath[str], trigger_id: FromPath[str], site: GivenSite
) -> Json:
    """Give an evaluation up and begin anew."""
    key = TriggerKey(namespace, flow_id, trigger_id)
    return shape.state(await write_change(site, key, lambda record, now: changes.restarted(record, now=now)))


@delete("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}", status_code=204)
async def remove(
    namespace: FromPath[str], flow_id: FromPath[str], trigger_id: FromPath[str], site: GivenSite
) -> None:
    """Forget the state of a trigger."""
    key = TriggerKey(namespace, flow_id, trigger_id)
    site.guard.must(Action.DELETE, namespace)
    await need(site, key)
    await remove_all(site, [key])


ROUTES = [
    search,
    of_flow,
    export,
    preview,
    update,
    set_disabled,
    unlock,
    restart,
    remove,
]

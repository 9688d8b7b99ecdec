"""Records of triggers: look, switch, unlock, fill the past (API spec §12; triggers spec A5, A12)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import FromPath

from batuta import expr, ids
from batuta.bus.port import TriggersChanged
from batuta.errors import Conflict, InvalidRequest, NotFound, Outdated
from batuta.firing import changes, previewing
from batuta.firing.rules import Rule, Schedule, class_of, kind_of, raw_labels
from batuta.firing.scene import with_facts
from batuta.model.flow import FlowKey
from batuta.model.labels import Label
from batuta.model.trigger import TriggerKey, TriggerKind, TriggerRecord
from batuta.store.batch import Batch
from batuta.store.port import AllOf, Condition, Criteria, Order, Search
from batuta.web import bulk, filters, forms, query
from batuta.web.access import Action
from batuta.web.query import read_instant
from batuta.web.routes import delete, get, post, put
from batuta.web.shapes import trigger as shape
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]
Change = Callable[[TriggerRecord, datetime], TriggerRecord]

TRIES = 5
MOST_RECORDS = 10_000
"""Most records that one bulk request changes."""


class TriggerName(msgspec.Struct, rename="camel"):
    """A trigger in a body."""

    namespace: str
    flow_id: str
    trigger_id: str

    @property
    def key(self) -> TriggerKey:
        """As a key."""
        return TriggerKey(self.namespace, self.flow_id, self.trigger_id)


class BackfillOrder(msgspec.Struct, rename="camel"):
    """A range to fill."""

    start: str
    end: str | None = None
    inputs: dict[str, Any] | None = None
    labels: Any = None


class TriggerOrder(TriggerName, rename="camel"):
    """A trigger and what shall become of it."""

    disabled: bool | None = None
    recover_missed_schedules: bool | None = None
    backfill: BackfillOrder | None = None


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
        definition = await _definition(site, record.key)
        if definition is not None:
            results.append(shape.with_definition(record, definition))
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
    return {"results": [shape.state(record) for record in found.results], "total": found.total}


@get("/triggers/export/by-query/csv")
async def export(request: Request[Any, Any, Any], site: GivenSite) -> Response[bytes]:
    """One line per trigger."""
    found = await _matching(site, filters.criteria(query.of(request), filters.TRIGGERS, site.now()))
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
    rules = previewing.schedules(await _rules(site, FlowKey(namespace, flow_id)))
    return [
        await _with_schedule(site, rule, lambda found: previewing.previewed(found, start, count))
        for rule in rules
    ]


async def _with_schedule(site: Site, rule: Rule, make: Callable[[Schedule], Json]) -> Json:
    options = site.world.options(site.now())

    def made(facts: expr.Facts) -> Json:
        return make(Schedule(rule, site.world, facts, options))

    return await with_facts(site.lookups, rule.flow.namespace, made)


# One trigger


async def _rules(site: Site, key: FlowKey) -> list[Rule]:
    stored = site.parsed(await site.need_latest(key))
    flow = stored.flow
    if flow is None:
        raise Conflict(f"the flow {key} cannot be read: {stored.problem}", mend="mend the flow and save it")
    return [Rule(flow, each) for each in flow.triggers if class_of(each)]


async def _definition(site: Site, key: TriggerKey) -> Any:
    stored = await site.ports.store.flows.latest(key.flow)
    if stored is None or stored.deleted:
        return None
    flow = site.parsed(stored).flow
    return None if flow is None else next((each for each in flow.triggers if each.id == key.trigger_id), None)


async def _need(site: Site, key: TriggerKey) -> TriggerRecord:
    record = await site.ports.store.triggers.get(key)
    if record is not None:
        return record
    definition = await _definition(site, key)
    if definition is not None and kind_of(definition) is None:
        raise Conflict(
            f"The trigger `{key.trigger_id}` has no state: only schedules and polling triggers have one",
            mend="edit the flow instead",
        )
    raise NotFound(f"there is no trigger `{key.trigger_id}` of the flow {key.flow}")


async def _change(site: Site, key: TriggerKey, change: Change) -> TriggerRecord:
    """Change a record, again if somebody else did so at the same time."""
    site.guard.must(Action.UPDATE, key.namespace)
    for _ in range(TRIES):
        before = await _need(site, key)
        record = change(before, site.now())
        try:
            await site.ports.store.commit(changes.written(before, record))
        except Outdated:
            continue
        await site.ports.bus.publish(TriggersChanged())
        return record
    raise Conflict(f"the trigger {key} is being changed by others; try again")


def _switch(disabled: bool, recover: bool = False) -> Change:
    return lambda record, now: changes.switched(record, disabled=disabled, now=now, recover=recover)


@put("/triggers")
async def update(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Switch a trigger on or off, or give it a backfill (1.x)."""
    order = await forms.json(request, TriggerOrder)
    if order.backfill is not None:
        return shape.state(await _backfill(site, order))
    record = await _need(site, order.key)
    if record.kind is TriggerKind.REALTIME:
        raise InvalidRequest(
            "Realtime triggers can not be updated through the API, please edit the trigger from the flow."
        )
    disabled = bool(order.disabled)
    return shape.state(await _change(site, order.key, _switch(disabled)))


@put("/triggers/set-disabled")
async def set_disabled(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Switch a trigger on or off."""
    order = await forms.json(request, TriggerOrder)
    change = _switch(order.disabled is not False, bool(order.recover_missed_schedules))
    return shape.state(await _change(site, order.key, change))


@post("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}/unlock")
async def unlock(
    namespace: FromPath[str], flow_id: FromPath[str], trigger_id: FromPath[str], site: GivenSite
) -> Json:
    """Open the lock of a trigger by hand."""
    key = TriggerKey(namespace, flow_id, trigger_id)
    return shape.state(await _change(site, key, lambda record, now: changes.unlocked(record, now=now)))


@post("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}/restart")
async def restart(
    namespace: FromPath[str], flow_id: FromPath[str], trigger_id: FromPath[str], site: GivenSite
) -> Json:
    """Give an evaluation up and begin anew."""
    key = TriggerKey(namespace, flow_id, trigger_id)
    return shape.state(await _change(site, key, lambda record, now: changes.restarted(record, now=now)))


@delete("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}", status_code=204)
async def remove(
    namespace: FromPath[str], flow_id: FromPath[str], trigger_id: FromPath[str], site: GivenSite
) -> None:
    """Forget the state of a trigger."""
    key = TriggerKey(namespace, flow_id, trigger_id)
    site.guard.must(Action.DELETE, namespace)
    await _need(site, key)
    await _remove(site, [key])


async def _remove(site: Site, keys: list[TriggerKey]) -> None:
    await site.ports.store.commit(Batch(removed_triggers=keys))
    await site.ports.bus.publish(TriggersChanged())


# Backfills


def _labels(given: Any) -> tuple[Label, ...]:
    return tuple(
        Label(key, value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for key, value in raw_labels(given)
        if value is not None and not key.startswith("system.")
    )


async def _backfill(site: Site, order: TriggerOrder) -> TriggerRecord:
    asked = order.backfill
    if asked is None:
        raise InvalidRequest(
            "the body has no `backfill`",
            where="backfill",
            mend='"backfill": {"start": "2026-01-01T00:00:00Z"}',
        )
    start = read_instant(asked.start, "backfill.start")
    end = None if asked.end is None else read_instant(asked.end, "backfill.end")
    labels = _labels(asked.labels)
    return await _change(
        site,
        order.key,
        lambda record, now: changes.backfilled(
            record,
            id=ids.random_id(),
            start=start,
            end=end,
            inputs=asked.inputs or {},
            labels=labels,
            now=now,
        ),
    )


@put("/triggers/backfill/create")
async def create_backfill(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Fill a range of the past; with `dryRun` only say what that would start."""
    order = await forms.json(request, TriggerOrder)
    if query.of(request).flag("dryRun"):
        return await _dry_run(site, order)
    record = await _need(site, order.key)
    if record.backfill is not None:
        raise Conflict(
            f"The trigger {order.key} has a backfill already", mend="delete it first, or wait for its end"
        )
    return shape.state(await _backfill(site, order))


async def _dry_run(site: Site, order: TriggerOrder) -> Json:
    if order.backfill is None:
        raise InvalidRequest("the body has no `backfill`", where="backfill")
    record = await _need(site, order.key)
    start = read_instant(order.backfill.start, "backfill.start")
    end = site.now() if order.backfill.end is None else read_instant(order.backfill.end, "backfill.end")
    changes.backfilled(record, id="", start=start, end=end, inputs={}, labels=(), now=site.now())
    rules = await _rules(site, order.key.flow)
    rule = next((each for each in rules if each.definition.id == order.trigger_id), None)
    if rule is None:
        raise NotFound(f"there is no trigger `{order.trigger_id}` of the flow {order.key.flow}")

    return await _with_schedule(site, rule, lambda found: previewing.filled(found, start, end))


def _pause(on: bool) -> Change:
    return lambda record, now: changes.paused(record, now=now, on=on)


def _end_backfill(record: TriggerRecord, now: datetime) -> TriggerRecord:
    return changes.without_backfill(record, now=now)


@put("/triggers/backfill/pause")
async def pause_backfill(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Hold a backfill back, and the schedule with it."""
    name = await forms.json(request, TriggerName)
    return shape.state(await _change(site, name.key, _pause(True)))


@put("/triggers/backfill/unpause")
async def unpause_backfill(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Let a backfill go on."""
    name = await forms.json(request, TriggerName)
    return shape.state(await _change(site, name.key, _pause(False)))


@post("/triggers/backfill/delete")
async def delete_backfill(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Give a backfill up; what it has started stays."""
    name = await forms.json(request, TriggerName)
    return shape.state(await _change(site, name.key, _end_backfill))


# Many triggers


async def _matching(site: Site, criteria: Criteria) -> list[TriggerRecord]:
    order = (Order("namespace"), Order("flowId"), Order("triggerId"))
    page = await site.ports.store.triggers.search(Search(criteria=criteria, order=order, limit=MOST_RECORDS))
    return page.results


async def _named(request: Request[Any, Any, Any]) -> list[TriggerKey]:
    return [name.key for name in await forms.json(request, list[TriggerName])]


async def _of_query(site: Site, request: Request[Any, Any, Any]) -> list[TriggerKey]:
    criteria = filters.criteria_of_change(query.of(request), filters.TRIGGERS, site.now())
    return [record.key for record in await _matching(site, criteria)]


async def _all(site: Site, keys: Iterable[TriggerKey], change: Change) -> Json:
    """Change many; those to which the change does not apply are left alone."""
    count = 0
    for key in keys:
        try:
            await _change(site, key, change)
        except (NotFound, Conflict):
            continue
        count += 1
    return bulk.done(count)


def _bulk(path: str, change: Change) -> tuple[Any, Any]:
    """The two routes of a change to many: by a list of names, and by filters."""

    @post(f"{path}/by-triggers", status_code=202)
    async def by_triggers(request: Request[Any, Any, Any], site: GivenSite) -> Json:
        return await _all(site, await _named(request), change)

    @post(f"{path}/by-query", status_code=202)
    async def by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
        return await _all(site, await _of_query(site, request), change)

    return by_triggers, by_query


class SwitchOrder(msgspec.Struct, rename="camel"):
    """Several triggers and whether they shall be off."""

    triggers: list[TriggerName]
    disabled: bool = True


@post("/triggers/set-disabled/by-triggers", status_code=202)
async def set_disabled_many(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Switch several triggers."""
    order = await forms.json(request, SwitchOrder)
    return await _all(site, [name.key for name in order.triggers], _switch(order.disabled))


@post("/triggers/set-disabled/by-query", status_code=202)
async def set_disabled_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Switch all triggers that fit."""
    disabled = query.of(request).flag("disabled", default=True)
    return await _all(site, await _of_query(site, request), _switch(disabled))


@delete("/triggers/delete/by-triggers", status_code=202)
async def delete_many(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Forget the state of several triggers."""
    return await _delete(site, await _named(request))


@delete("/triggers/delete/by-query", status_code=202)
async def delete_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Forget the state of all triggers that fit: filters in the body, or in the query."""
    body = await request.body()
    if not body.strip():
        return await _delete(site, await _of_query(site, request))
    criteria = filters.criteria_of_body(await forms.json(request, Any), filters.TRIGGERS, site.now())
    return await _delete(site, [record.key for record in await _matching(site, criteria)])


async def _delete(site: Site, keys: list[TriggerKey]) -> Json:
    for key in keys:
        site.guard.must(Action.DELETE, key.namespace)
    present = [key for key in keys if await site.ports.store.triggers.get(key) is not None]
    await _remove(site, present)
    return bulk.done(len(present))


def _unlock(record: TriggerRecord, now: datetime) -> TriggerRecord:
    return changes.unlocked(record, now=now)


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
    create_backfill,
    pause_backfill,
    unpause_backfill,
    delete_backfill,
    *_bulk("/triggers/unlock", _unlock),
    *_bulk("/triggers/backfill/pause", _pause(True)),
    *_bulk("/triggers/backfill/unpause", _pause(False)),
    *_bulk("/triggers/backfill/delete", _end_backfill),
    set_disabled_many,
    set_disabled_by_query,
    delete_many,
    delete_by_query,
]

"""Many triggers at once: by a list of names, or by filters (API spec §12)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request

from batuta.errors import Conflict, NotFound
from batuta.firing import changes
from batuta.model.trigger import TriggerKey, TriggerRecord
from batuta.web import bulk, filters, forms, query
from batuta.web.access import Action
from batuta.web.routes import delete, post
from batuta.web.site import GivenSite, Site
from batuta.web.trigger_records import (
    Change,
    Json,
    TriggerName,
    end_backfill,
    matching,
    pause,
    remove_all,
    switch,
    write_change,
)


async def _named(request: Request[Any, Any, Any]) -> list[TriggerKey]:
    return [name.key for name in await forms.json(request, list[TriggerName])]


async def _of_query(site: Site, request: Request[Any, Any, Any]) -> list[TriggerKey]:
    criteria = filters.criteria_of_change(query.of(request), filters.TRIGGERS, site.now())
    return [record.key for record in await matching(site, criteria)]


async def _all(site: Site, keys: Iterable[TriggerKey], change: Change) -> Json:
    """Change many; those to which the change does not apply are left alone."""
    count = 0
    for key in keys:
        try:
            await write_change(site, key, change)
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
    return await _all(site, [name.key for name in order.triggers], switch(order.disabled))


@post("/triggers/set-disabled/by-query", status_code=202)
async def set_disabled_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Switch all triggers that fit."""
    disabled = query.of(request).flag("disabled", default=True)
    return await _all(site, await _of_query(site, request), switch(disabled))


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
    return await _delete(site, [record.key for record in await matching(site, criteria)])


async def _delete(site: Site, keys: list[TriggerKey]) -> Json:
    for key in keys:
        site.guard.must(Action.DELETE, key.namespace)
    present = [key for key in keys if await site.ports.store.triggers.get(key) is not None]
    await remove_all(site, present)
    return bulk.done(len(present))


def _unlock(record: TriggerRecord, now: datetime) -> TriggerRecord:
    return changes.unlocked(record, now=now)


ROUTES = [
    *_bulk("/triggers/unlock", _unlock),
    *_bulk("/triggers/backfill/pause", pause(True)),
    *_bulk("/triggers/backfill/unpause", pause(False)),
    *_bulk("/triggers/backfill/delete", end_backfill),
    set_disabled_many,
    set_disabled_by_query,
    delete_many,
    delete_by_query,
]

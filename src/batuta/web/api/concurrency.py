"""Concurrency limits of flows and how much of each is used (API spec §7)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.params import FromPath

from batuta.errors import NotFound
from batuta.model.flow import TENANT, FlowKey
from batuta.store.port import AllOf
from batuta.web import forms, query
from batuta.web.access import Action
from batuta.web.api.flows import all_of
from batuta.web.routes import get, put
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]

MOST_COUNTED = 10_000
"""Most executions of one flow that are counted."""


@get("/concurrency-limit/search")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Flows with a limit, and how many of their executions are under way."""
    page = query.paging(query.of(request))
    limited = [
        each
        for each in await all_of(site, AllOf())
        if (flow := site.parsed(each).flow) is not None and flow.concurrency is not None
    ]
    shown = limited[page.offset : page.offset + page.limit]
    return {"results": [await _row(site, each.key) for each in shown], "total": len(limited)}


class Limit(msgspec.Struct, rename="camel"):
    """What a client believes."""

    running: int | None = None


@put("/concurrency-limit/{namespace:str}/{flow_id:str}")
async def recount(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Json:
    """Repair the counter of a limit. Here nothing can be wrong with it: it is counted from the executions
    whenever it is needed, so the answer is that count, whatever was sent."""
    await forms.json(request, Limit)
    key = FlowKey(namespace, flow_id)
    stored = site.parsed(await site.need_latest(key))
    site.guard.must(Action.UPDATE, namespace)
    if stored.flow is None or stored.flow.concurrency is None:
        raise NotFound(f"the flow {key} has no concurrency limit")
    return await _row(site, key)


async def _row(site: Site, key: FlowKey) -> Json:
    running = len(await site.ports.store.executions.holders(key, MOST_COUNTED))
    return {"tenantId": TENANT, "namespace": key.namespace, "flowId": key.id, "running": running}


ROUTES = [search, recount]

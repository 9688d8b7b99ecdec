"""Namespaces: they exist through the flows in them (API spec §14)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.params import FromPath

from batuta.errors import InvalidRequest
from batuta.paths import checked_namespace
from batuta.web import forms, query
from batuta.web.routes import get, post
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]
SYSTEM = "system"


async def _all(site: Site) -> list[str]:
    """Every namespace with flows, their parents, and that of the system."""
    found = {SYSTEM}
    for name in await site.ports.store.flows.namespaces():
        while name:
            found.add(name)
            name = name.rpartition(".")[0]
    return sorted(found)


def _shape(name: str) -> Json:
    return {"id": name, "disabled": True, "deleted": False}


@get("/namespaces/search")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Namespaces whose name has a text in it."""
    asked = query.of(request)
    page = query.paging(asked)
    part = (asked.text("q") or asked.text("filters[q][EQUALS]") or "").lower()
    names = [] if asked.flag("existing") else [name for name in await _all(site) if part in name.lower()]
    for order in page.order:
        if order.column != "id":
            raise InvalidRequest(
                f"namespaces cannot be sorted by `{order.column}`", where="sort", mend="sort by id"
            )
        names.sort(reverse=order.descending)
    shown = names[page.offset : page.offset + page.limit]
    return {"results": [_shape(name) for name in shown], "total": len(names)}


class Autocomplete(msgspec.Struct, rename="camel"):
    """What somebody has typed so far."""

    q: str | None = None
    ids: list[str] | None = None
    existing_only: bool | None = None


@post("/namespaces/autocomplete")
async def autocomplete(request: Request[Any, Any, Any], site: GivenSite) -> list[str]:
    """Namespaces that fit what was typed."""
    asked = await forms.json(request, Autocomplete | None) or Autocomplete()
    part = (asked.q or "").lower()
    return [
        name for name in await _all(site) if part in name.lower() and (not asked.ids or name in asked.ids)
    ]


@get("/namespaces/{namespace:str}")
async def read(namespace: FromPath[str]) -> Json:
    """A namespace; every valid name is one."""
    checked_namespace(namespace)
    return {"id": namespace, "deleted": False}


ROUTES = [search, autocomplete, read]

"""Secrets by name: listed, set, described, removed; values only come in (API spec §14, §21)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import FromPath

from batuta.errors import InvalidRequest, NotFound
from batuta.secrets.port import SecretName
from batuta.web import filters, forms, matching, query
from batuta.web.access import Action
from batuta.web.routes import delete, get, nothing, patch, put
from batuta.web.shapes import records
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]

_SHAPE = 'send `{"key": ..., "value": ...}`'


class Tag(msgspec.Struct):
    """A word about a secret."""

    key: str
    value: str


class Given(msgspec.Struct, kw_only=True):
    """A secret in a body. A value has to come with a new one."""

    key: str | None = None
    value: str | None = None
    description: str | None = None
    tags: list[Tag] | None = None


@get("/secrets")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Names of all secrets, those of the environment last."""
    return _page(request, site, await site.ports.secrets.names())


@get("/namespaces/{namespace:str}/secrets")
async def of_namespace(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> Json:
    """Names of the secrets of a namespace, and of those that every namespace has."""
    site.guard.must(Action.READ, namespace)
    names = await site.ports.secrets.names()
    return _page(request, site, [each for each in names if each.namespace in (namespace, None)])


@get("/namespaces/{namespace:str}/inherited-secrets")
async def inherited(namespace: FromPath[str], site: GivenSite) -> Json:
    """Names of the secrets that flows of a namespace can use, by the namespace that has them."""
    site.guard.must(Action.READ, namespace)
    names = await site.ports.secrets.names()
    everywhere = [each.key for each in names if each.namespace is None]
    found: dict[str, list[str]] = {}
    place = namespace
    while place:
        own = [each.key for each in names if each.namespace == place]
        if own or place == namespace:
            found[place] = own
        place = place.rpartition(".")[0]
    found[namespace] = sorted({*found[namespace], *everywhere})
    return found


@put("/namespaces/{namespace:str}/secrets")
async def write(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> list[Json]:
    """Set a secret; the answer names those of the namespace."""
    site.guard.must(Action.UPDATE, namespace)
    given = await forms.json(request, Given)
    if not given.key:
        raise InvalidRequest("a secret needs a key", where="key", mend=_SHAPE)
    if given.value is None:
        raise InvalidRequest("a secret needs a value", where="value", mend=_SHAPE)
    return await _put(site, namespace, given.key, given)


@patch("/namespaces/{namespace:str}/secrets/{key:str}")
async def describe(
    request: Request[Any, Any, Any], namespace: FromPath[str], key: FromPath[str], site: GivenSite
) -> list[Json]:
    """Change what is told of a secret, and its value if there is one."""
    site.guard.must(Action.UPDATE, namespace)
    return await _put(site, namespace, key, await forms.json(request, Given))


@delete("/namespaces/{namespace:str}/secrets/{key:str}")
async def remove(namespace: FromPath[str], key: FromPath[str], site: GivenSite) -> Response[bytes]:
    """Remove a secret."""
    site.guard.must(Action.DELETE, namespace)
    if not await site.ports.secrets.delete(namespace, key):
        raise NotFound(f"There is no secret `{key}` in the namespace `{namespace}`")
    return nothing()


async def _put(site: Site, namespace: str, key: str, given: Given) -> list[Json]:
    tags = None if given.tags is None else {tag.key: tag.value for tag in given.tags}
    await site.ports.secrets.put(namespace, key, given.value, description=given.description, tags=tags)
    names = await site.ports.secrets.names()
    return [records.secret(each) for each in names if each.namespace == namespace]


def _page(request: Request[Any, Any, Any], site: Site, names: list[SecretName]) -> Json:
    """What fits the filters, of it the page that is asked for."""
    asked = query.of(request)
    page = query.paging(asked)
    wanted = filters.criteria(asked, filters.SECRETS, site.now())
    found = [each for each in names if matching.holds(wanted, _fields(each))]
    for order in reversed(page.order):
        if order.column not in ("key", "namespace"):
            raise InvalidRequest(
                f"secrets cannot be sorted by `{order.column}`", where="sort", mend="key or namespace"
            )
        found.sort(key=lambda each: _fields(each)[order.column], reverse=order.descending)
    shown = [records.secret(each) for each in found[page.offset : page.offset + page.limit]]
    return {"readOnly": False, "results": shown, "total": len(found)}


def _fields(name: SecretName) -> dict[str, str]:
    return {"key": name.key, "namespace": name.namespace or "", "q": f"{name.key} {name.description or ''}"}


ROUTES = [search, of_namespace, inherited, write, describe, remove]

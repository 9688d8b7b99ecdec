"""Key-value entries (API spec §13; triggers-and-stores spec §A13)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import FromPath

from batuta import iso8601
from batuta.errors import Conflict, InvalidRequest, NotFound
from batuta.model.inputs import InputType
from batuta.model.records import KvEntry, KvType
from batuta.store.port import Search
from batuta.web import filters, forms, query
from batuta.web.access import Action
from batuta.web.rejections import Expired
from batuta.web.routes import delete, get, nothing, put
from batuta.web.shapes import records
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]

MOST_VALUE_BYTES = 4 * 1024 * 1024
_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})")


@get("/kv")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Entries of all namespaces that fit."""
    asked = query.of(request)
    page = query.paging(asked)
    found = await site.ports.store.kv.search(
        Search(
            criteria=filters.criteria(asked, filters.KV, site.now()),
            order=page.order,
            offset=page.offset,
            limit=page.limit,
        ),
        site.now(),
    )
    return {"results": [records.kv_entry(entry) for entry in found.results], "total": found.total}


@get("/namespaces/{namespace:str}/kv")
async def of_namespace(namespace: FromPath[str], site: GivenSite) -> list[Json]:
    """Entries of exactly this namespace."""
    site.guard.must(Action.READ, namespace)
    return [
        records.kv_entry(entry) for entry in await site.ports.store.kv.of_namespace(namespace, site.now())
    ]


@get("/namespaces/{namespace:str}/kv/inheritance")
async def inherited(namespace: FromPath[str], site: GivenSite) -> list[Json]:
    """Entries that a flow of this namespace sees: its own, and its parents' that no nearer one hides."""
    seen: dict[str, KvEntry] = {}
    nearest = namespace
    while nearest:
        for entry in await site.ports.store.kv.of_namespace(nearest, site.now()):
            seen.setdefault(entry.key, entry)
        nearest = nearest.rpartition(".")[0]
    return [records.kv_entry(entry) for entry in seen.values()]


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise InvalidRequest(
            "Key must start with an alphanumeric character (uppercase or lowercase) and can contain"
            " alphanumeric characters (uppercase or lowercase), dots (.), underscores (_), and hyphens"
            " (-) only.",
            where="key",
        )


async def _need(site: Site, namespace: str, key: str) -> KvEntry:
    site.guard.must(Action.READ, namespace)
    _check(key)
    entry = await site.ports.store.kv.get(namespace, key)
    if entry is None:
        raise NotFound(f"No value found for key '{key}' in namespace '{namespace}'")
    if entry.expires_at is not None and entry.expires_at <= site.now():
        raise Expired(f"The requested value has expired: key '{key}' in namespace '{namespace}'")
    return entry


@get("/namespaces/{namespace:str}/kv/{key:str}")
async def read(namespace: FromPath[str], key: FromPath[str], site: GivenSite) -> Json:
    """A value with its type."""
    return records.kv_value(await _need(site, namespace, key))


@get("/namespaces/{namespace:str}/kv/{key:str}/detail")
async def detail(namespace: FromPath[str], key: FromPath[str], site: GivenSite) -> Json:
    """A value with everything that is known of its entry."""
    entry = await _need(site, namespace, key)
    return {**records.kv_entry(entry), **records.kv_value(entry)}


@put("/namespaces/{namespace:str}/kv/{key:str}")
async def write(
    request: Request[Any, Any, Any], namespace: FromPath[str], key: FromPath[str], site: GivenSite
) -> Response[bytes]:
    """Set a value. The body is a JSON literal; what is none is kept as text."""
    site.guard.must(Action.UPDATE, namespace)
    if not _NAMESPACE.fullmatch(namespace):
        raise InvalidRequest(
            f"`{namespace}` is not a namespace", where="namespace", mend="lower-case words joined by dots"
        )
    _check(key)
    ttl = _life_time(query.of(request).text("ttl") or request.headers.get("ttl"))
    kind, value = typed(await forms.text(request, MOST_VALUE_BYTES))
    now = site.now()
    entry = KvEntry(
        namespace=namespace,
        key=key,
        type=kind,
        value=value,
        created_at=now,
        updated_at=now,
        expires_at=None if ttl is None else now + ttl,
        description=request.headers.get("description"),
    )
    if not await site.ports.store.kv.put(entry, overwrite=query.of(request).flag("overwrite", default=True)):
        raise Conflict(
            f"Cannot set value for key '{key}'. Key already exists and `overwrite` is set to `false`."
        )
    return nothing()


def _life_time(text: str | None) -> timedelta | None:
    if not text:
        return None
    try:
        ttl = iso8601.parse_duration(text)
    except ValueError as error:
        raise InvalidRequest(str(error), where="ttl") from None
    if ttl <= timedelta():
        raise InvalidRequest(f"the life time `{text}` must be longer than nothing", where="ttl")
    return ttl


def typed(text: str) -> tuple[KvType, Any]:
    """What a text means: a JSON literal, a bare date, or text as it is; a duration needs no quotes.

    A date in quotes is a text.
    """
    stripped = text.strip()
    try:
        value = msgspec.json.decode(stripped)
    except msgspec.DecodeError:
        value = _structure(stripped)
        if value is None:
            found = _kind_of_text(stripped)
            return found if found[0] is not KvType.STRING else (KvType.STRING, text)
    match value:
        case bool():
            return KvType.BOOLEAN, value
        case int() | float():
            return KvType.NUMBER, value
        case str():
            return (KvType.DURATION if _DURATION.fullmatch(value) else KvType.STRING), value
        case _:
            return KvType.JSON, value


def _structure(text: str) -> Any:
    """A map or list in Ion, such as `{a: 1}`; None for other text. Plain JSON was tried before."""
    if not text.startswith(("{", "[")) or text.startswith(("{{", "{%")):
        return None
    from batuta.flows import input_types

    try:
        return input_types.stored(input_types.parse(InputType.ION, text, None))
    except input_types.Unfit:
        return None


def _kind_of_text(text: str) -> tuple[KvType, Any]:
    try:
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
            return KvType.DATE, text
        if _INSTANT.fullmatch(text):
            return KvType.DATETIME, iso8601.format_instant(datetime.fromisoformat(text))
    except ValueError:
        return KvType.STRING, text
    return (KvType.DURATION if _DURATION.fullmatch(text) else KvType.STRING), text


@delete("/namespaces/{namespace:str}/kv/{key:str}")
async def remove(namespace: FromPath[str], key: FromPath[str], site: GivenSite) -> bool:
    """Remove a key; false when there was none."""
    site.guard.must(Action.DELETE, namespace)
    _check(key)
    return await site.ports.store.kv.delete(namespace, key)


class Keys(msgspec.Struct):
    """Keys in a body."""

    keys: list[str]


@delete("/namespaces/{namespace:str}/kv")
async def remove_many(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> Json:
    """Remove keys; the answer names those that existed."""
    site.guard.must(Action.DELETE, namespace)
    asked = await forms.json(request, Keys)
    return {"keys": [key for key in asked.keys if await site.ports.store.kv.delete(namespace, key)]}


ROUTES = [search, of_namespace, inherited, read, detail, write, remove, remove_many]

"""Searches for key-value entries."""

from __future__ import annotations

from sqlalchemy import and_, or_, select

from batuta.store.port import Order, Search
from batuta.store.queries import fields
from batuta.store.queries.criteria import Fields, translated
from batuta.store.queries.statement import Query, query
from batuta.store.tables import kv

_K = kv.c

FIELDS: Fields = {
    "q": fields.words(_K.key, _K.namespace, _K.description),
    "namespace": fields.name(_K.namespace),
    "updated": fields.instant(_K.updated_at),
    "expirationDate": fields.instant(_K.expires_at, nullable=True),
}

COLUMNS = {"key": _K.key, "namespace": _K.namespace, "updateDate": _K.updated_at}

_ROWS = select(
    _K.namespace,
    _K.key,
    _K.type,
    _K.value,
    _K.description,
    _K.version,
    _K.created_at,
    _K.updated_at,
    _K.expires_at,
)


def compose(search: Search, *, now: int) -> Query:
    """Entries that have not expired at `now` (microseconds), by key unless ordered otherwise."""
    is_alive = or_(_K.expires_at.is_(None), _K.expires_at > now)
    where = and_(is_alive, translated(search.criteria, FIELDS, "KV entries"))
    return query(_ROWS, where, search, "KV entries", COLUMNS, Order("key"), (_K.namespace, _K.key))

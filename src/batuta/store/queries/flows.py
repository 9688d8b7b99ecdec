"""Searches for flows: the newest revision of each that is not deleted."""

from __future__ import annotations

from sqlalchemy import and_, func, select

from batuta.store.port import Order, Search
from batuta.store.queries import fields
from batuta.store.queries.criteria import Fields, translated
from batuta.store.queries.statement import Query, query
from batuta.store.tables import flows

_F = flows.c

FIELDS: Fields = {
    "q": fields.words(_F.id, _F.namespace, _F.description),
    "scope": fields.scope(_F.namespace),
    "namespace": fields.name(_F.namespace),
    "flowId": fields.name(_F.id),
    "labels": fields.labels(_F.labels),
    "enabled": fields.flag(_F.disabled, is_opposite=True),
    "updated": fields.instant(_F.created_at),
}

COLUMNS = {"id": _F.id, "namespace": _F.namespace, "updated": _F.created_at}

_other = flows.alias("other")
_NEWEST = (
    select(func.max(_other.c.revision))
    .where(_other.c.namespace == _F.namespace, _other.c.id == _F.id)
    .correlate(flows)
    .scalar_subquery()
)
_ROWS = select(
    _F.namespace,
    _F.id,
    _F.revision,
    _F.created_at,
    _F.deleted,
    _F.disabled,
    _F.description,
    _F.labels,
    _F.source,
    _F.draft,
)


PRESENT = and_(~_F.deleted, _F.revision == _NEWEST)
"""The newest revision of a flow that is not deleted."""


def compose(search: Search) -> Query:
    """Flows, by id unless ordered otherwise."""
    where = and_(PRESENT, translated(search.criteria, FIELDS, "flows"))
    return query(_ROWS, where, search, "flows", COLUMNS, Order("id"), (_F.namespace, _F.id))

"""Searches for records of triggers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from batuta.store.port import Order, Search
from batuta.store.queries import fields
from batuta.store.queries.criteria import Fields, translated
from batuta.store.queries.statement import Query, query
from batuta.store.tables import trigger_jobs, triggers

_T = triggers.c
_J = trigger_jobs.c
WORKER: Any = (
    select(_J.worker_id)
    .where(_J.namespace == _T.namespace, _J.flow_id == _T.flow_id, _J.trigger_id == _T.trigger_id)
    .scalar_subquery()
)
"""The worker that looks, or listens, for a trigger."""

FIELDS: Fields = {
    "q": fields.words(_T.trigger_id, _T.flow_id, _T.namespace),
    "scope": fields.scope(_T.namespace),
    "namespace": fields.name(_T.namespace),
    "flowId": fields.name(_T.flow_id),
    "triggerId": fields.identifier(_T.trigger_id),
    "triggerState": fields.choice({"ENABLED": _T.disabled.is_(False), "DISABLED": _T.disabled.is_(True)}),
    "locked": fields.flag(_T.locked),
    "workerId": fields.identifier(WORKER, nullable=True),
    "nextExecutionDate": fields.instant(_T.next_at, nullable=True),
    "lastTriggeredDate": fields.instant(_T.triggered_at, nullable=True),
    "startDate": fields.instant(_T.next_at, nullable=True),
    "endDate": fields.instant(_T.next_at, nullable=True),
}

COLUMNS = {
    "triggerId": _T.trigger_id,
    "id": _T.trigger_id,
    "flowId": _T.flow_id,
    "namespace": _T.namespace,
    "nextExecutionDate": _T.next_at,
    "nextEvaluationDate": _T.next_at,
    "date": _T.date,
    "timestamp": _T.updated_at,
    "lastTriggeredDate": _T.triggered_at,
}


def compose(search: Search) -> Query:
    """Records, by trigger unless ordered otherwise."""
    where = translated(search.criteria, FIELDS, "triggers")
    unique = (_T.namespace, _T.flow_id, _T.trigger_id)
    return query(select(_T.body), where, search, "triggers", COLUMNS, Order("triggerId"), unique)

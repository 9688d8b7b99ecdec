"""Searches for executions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, select

from batuta.model.execution import ExecutionKind
from batuta.model.state import State
from batuta.store.port import Order, Search
from batuta.store.queries import fields
from batuta.store.queries.criteria import Clause, Field, Fields, mentions, negated_when, translated
from batuta.store.queries.statement import Query, query
from batuta.store.tables import executions, task_runs

_E = executions.c

_POSITIVE = {"NOT_EQUALS": "EQUALS", "NOT_IN": "IN"}


def _of_a_task_run(column: Field) -> Field:
    """A question about task runs: one of them fits; for a negative question, none does."""

    def clause(operation: str, value: Any) -> Clause:
        fits = column.clause(_POSITIVE.get(operation, operation), value)
        found = select(1).select_from(task_runs).where(task_runs.c.execution_id == _E.id, fits).exists()
        return negated_when(operation in _POSITIVE, found)

    return Field(column.operations, clause)


FIELDS: Fields = {
    "q": fields.words(_E.id, _E.namespace, _E.flow_id),
    "scope": fields.scope(_E.namespace),
    "id": fields.identifier(_E.id),
    "namespace": fields.name(_E.namespace),
    "flowId": fields.name(_E.flow_id),
    "flowRevision": fields.number(_E.revision),
    "state": fields.word(_E.state, State),
    "kind": fields.word(_E.kind, ExecutionKind),
    "labels": fields.labels(_E.labels),
    "startDate": fields.instant(_E.started_at),
    "endDate": fields.instant(_E.ended_at, nullable=True),
    "parentId": fields.identifier(_E.parent_id, nullable=True),
    "triggerId": fields.identifier(_E.trigger_id, nullable=True),
    "triggerExecutionId": fields.identifier(_E.trigger_execution_id, nullable=True),
    "childFilter": fields.choice(
        {"CHILD": _E.trigger_execution_id.is_not(None), "MAIN": _E.trigger_execution_id.is_(None)}
    ),
    "taskId": _of_a_task_run(fields.identifier(task_runs.c.task_id)),
}

COLUMNS = {
    "id": _E.id,
    "namespace": _E.namespace,
    "flowId": _E.flow_id,
    "state.current": _E.state,
    "state.startDate": _E.started_at,
    "state.endDate": _E.ended_at,
    "state.duration": _E.duration,
}


def compose(search: Search) -> Query:
    """Executions, newest start first; those of another kind than NORMAL only when `kind` is asked for."""
    where = translated(search.criteria, FIELDS, "executions")
    if not mentions(search.criteria, "kind"):
        where = and_(_E.kind == ExecutionKind.NORMAL.value, where)
    default = Order("state.startDate", descending=True)
    return query(select(_E.body), where, search, "executions", COLUMNS, default, (_E.id,))

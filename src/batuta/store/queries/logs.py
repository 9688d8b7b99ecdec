"""Searches for log lines."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from batuta.model.task import LogLevel
from batuta.store.port import Order, Search
from batuta.store.queries import fields
from batuta.store.queries.criteria import Clause, Field, Fields, negated_when, one_of, text, texts, translated
from batuta.store.queries.statement import Query, query
from batuta.store.tables import logs

_L = logs.c


def _level_clause(operation: str, value: Any) -> Clause:
    """EQUALS means this level or a more severe one (API spec §3.1)."""
    if operation in ("IN", "NOT_IN"):
        severities = [_severity(each) for each in texts(value)]
        return negated_when(operation == "NOT_IN", _L.severity.in_(severities))
    return negated_when(operation == "NOT_EQUALS", _L.severity >= _severity(text(value)))


def _severity(level: str) -> int:
    return LogLevel(one_of(level, LogLevel)).severity


FIELDS: Fields = {
    "q": fields.words(_L.message, _L.namespace, _L.flow_id, _L.task_id, _L.execution_id),
    "scope": fields.scope(_L.namespace),
    "namespace": fields.name(_L.namespace),
    "flowId": fields.name(_L.flow_id),
    "executionId": fields.identifier(_L.execution_id),
    "taskId": fields.identifier(_L.task_id, nullable=True),
    "taskRunId": fields.identifier(_L.task_run_id, nullable=True),
    "triggerId": fields.identifier(_L.trigger_id, nullable=True),
    "attemptNumber": fields.number(_L.attempt),
    "level": Field(
        frozenset({"EQUALS", "NOT_EQUALS", "IN", "NOT_IN", "GREATER_THAN_OR_EQUAL_TO"}), _level_clause
    ),
    "startDate": fields.instant(_L.at),
    "endDate": fields.instant(_L.at),
}

COLUMNS = {"timestamp": _L.at}

_ROWS = select(
    _L.id,
    _L.execution_id,
    _L.at,
    _L.severity,
    _L.message,
    _L.namespace,
    _L.flow_id,
    _L.task_id,
    _L.task_run_id,
    _L.attempt,
    _L.thread,
    _L.trigger_id,
)


def compose(search: Search) -> Query:
    """Log lines, newest first."""
    where = translated(search.criteria, FIELDS, "logs")
    return query(_ROWS, where, search, "logs", COLUMNS, Order("timestamp", descending=True), (_L.id,))

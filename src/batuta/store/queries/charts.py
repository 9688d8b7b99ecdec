"""Rows for charts: columns, groups and filters over one set of data (triggers spec A25)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Float, Integer, Text, and_, case, cast, func, literal, not_, null, or_, select, true
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.elements import SQLColumnExpression

from batuta import iso8601
from batuta.errors import InvalidRequest
from batuta.model.charts import FIELDS, Aggregate, ChartColumn, Comparison, Dataset, FieldKind, Filter
from batuta.model.execution import ExecutionKind
from batuta.model.task import LogLevel
from batuta.store.port import ChartQuery
from batuta.store.queries import executions as execution_queries
from batuta.store.queries import fields
from batuta.store.queries import flows as flow_queries
from batuta.store.queries import logs as log_queries
from batuta.store.queries import triggers as trigger_queries
from batuta.store.queries.criteria import Clause, Fields, translated
from batuta.store.queries.statement import Query, as_text
from batuta.store.tables import executions, flows, logs, metrics, triggers

Column = SQLColumnExpression[Any]

_SECOND = 1_000_000
_STEPS = {"minute": 60 * _SECOND, "hour": 3_600 * _SECOND, "day": 86_400 * _SECOND, "week": 604_800 * _SECOND}
_MONDAY = 4 * _STEPS["day"]
"""The epoch began on a Thursday; four days later is a Monday."""
_OPERATIONS = {
    Comparison.EQUAL_TO: "EQUALS",
    Comparison.NOT_EQUAL_TO: "NOT_EQUALS",
    Comparison.IN: "IN",
    Comparison.NOT_IN: "NOT_IN",
}
"""Comparisons that filters of searches call otherwise."""


class Source(msgspec.Struct, frozen=True):
    """Where the rows of a set of data are."""

    rows: FromClause
    columns: Mapping[str, Column]
    base: Clause
    criteria: Fields
    noun: str
    newest: Column
    """Rows that are no groups come in this order, the greatest first, unless another one is asked for."""


def _measured(name: str) -> Column:
    """A member of a measurement, whose row is a JSON document."""
    return func.json_extract(cast(metrics.c.body, Text), f"$.{name}")


_E, _L, _M, _F, _T = executions.c, logs.c, metrics.c, flows.c, triggers.c
_LEVEL = case(
    {level.severity: level.value for level in LogLevel}, value=_L.severity, else_=LogLevel.INFO.value
)
_MEASURED_AT = cast(func.round((func.julianday(_measured("at")) - 2440587.5) * 86_400_000) * 1_000, Integer)

SOURCES: dict[Dataset, Source] = {
    Dataset.EXECUTIONS: Source(
        executions,
        {
            "ID": _E.id,
            "NAMESPACE": _E.namespace,
            "FLOW_ID": _E.flow_id,
            "FLOW_REVISION": _E.revision,
            "STATE": _E.state,
            "DURATION": _E.duration,
            "LABELS": _E.labels,
            "START_DATE": _E.started_at,
            "END_DATE": _E.ended_at,
            "TRIGGER_EXECUTION_ID": _E.trigger_execution_id,
        },
        _E.kind == ExecutionKind.NORMAL.value,
        execution_queries.FIELDS,
        "executions",
        _E.started_at,
    ),
    Dataset.LOGS: Source(
        logs,
        {
            "NAMESPACE": _L.namespace,
            "FLOW_ID": _L.flow_id,
            "EXECUTION_ID": _L.execution_id,
            "TASK_ID": _L.task_id,
            "DATE": _L.at,
            "TASK_RUN_ID": _L.task_run_id,
            "ATTEMPT_NUMBER": _L.attempt,
            "TRIGGER_ID": _L.trigger_id,
            "LEVEL": _LEVEL,
            "MESSAGE": _L.message,
        },
        true(),
        log_queries.FIELDS,
        "logs",
        _L.at,
    ),
    Dataset.METRICS: Source(
        metrics.join(executions, _M.execution_id == _E.id),
        {
            "NAMESPACE": _E.namespace,
            "FLOW_ID": _E.flow_id,
            "TASK_ID": _M.task_id,
            "EXECUTION_ID": _M.execution_id,
            "TASK_RUN_ID": _M.task_run_id,
            "TYPE": _measured("kind"),
            "NAME": _measured("name"),
            "VALUE": _measured("value"),
            "DATE": _MEASURED_AT,
        },
        _E.kind == ExecutionKind.NORMAL.value,
        execution_queries.FIELDS,
        "metrics",
        _M.id,
    ),
    Dataset.FLOWS: Source(
        flows,
        {"ID": _F.id, "NAMESPACE": _F.namespace, "REVISION": _F.revision},
        flow_queries.PRESENT,
        flow_queries.FIELDS,
        "flows",
        _F.created_at,
    ),
    Dataset.TRIGGERS: Source(
        triggers,
        {
            "ID": _T.trigger_id,
            "NAMESPACE": _T.namespace,
            "FLOW_ID": _T.flow_id,
            "TRIGGER_ID": _T.trigger_id,
            "EXECUTION_ID": _T.execution_id,
            "NEXT_EXECUTION_DATE": _T.next_at,
            "WORKER_ID": trigger_queries.WORKER,
        },
        true(),
        trigger_queries.FIELDS,
        "triggers",
        _T.updated_at,
    ),
}


def compose(asked: ChartQuery) -> Query:
    """The statements of a chart.

    Raises:
        InvalidRequest: a filter has a value that does not suit its field.
    """
    source = SOURCES[asked.dataset]
    where = and_(
        source.base,
        translated(asked.criteria, source.criteria, source.noun),
        *(_clause(asked.dataset, each) for each in asked.where),
    )
    shown = {column.key: _shown(asked.dataset, column) for column in asked.columns}
    is_group = any(column.aggregate is not None for column in asked.columns)
    plain = [shown[column.key] for column in asked.columns if column.aggregate is None]
    named: list[Any] = [value.label(f"c{place}") for place, value in enumerate(shown.values())]
    found = select(*named).select_from(source.rows).where(where)
    order = [_directed(shown[each.key], each.descending) for each in asked.order]
    if is_group:
        found = found.group_by(*plain)
        # What is not ordered by what was asked, is by its group, so that pages do not overlap.
        order += [value.asc() for value in plain]
    else:
        order += [source.newest.desc(), *(value.asc() for value in plain)]
    groups = found.order_by(None).subquery()
    count, count_parameters = as_text(select(func.count()).select_from(groups))
    page, page_parameters = as_text(found.order_by(*order).limit(asked.limit).offset(asked.offset))
    return Query(count, count_parameters, page, page_parameters)


def _directed(column: Column, descending: bool) -> Column:
    return column.desc() if descending else column.asc()


def _shown(dataset: Dataset, column: ChartColumn) -> Column:
    """A column of the answer."""
    if column.aggregate is Aggregate.COUNT and (column.field is None or _is_all_labels(dataset, column)):
        return func.count()
    assert column.field is not None
    value = _value(dataset, column.field, column.label_key)
    if column.step is not None:
        value = _begin(value, column.step)
    if column.aggregate is None:
        return value
    aggregate: Column = getattr(func, column.aggregate.lower())(value)
    return aggregate


def _is_all_labels(dataset: Dataset, column: ChartColumn) -> bool:
    is_labels = column.field is not None and FIELDS[dataset][column.field] is FieldKind.LABELS
    return is_labels and column.label_key is None


def _value(dataset: Dataset, field: str, label_key: str | None) -> Column:
    column = SOURCES[dataset].columns[field]
    match FIELDS[dataset][field]:
        case FieldKind.LABELS if label_key is not None:
            each = func.json_each(column).table_valued("key", "value")
            return (
                select(each.c.value)
                .select_from(each)
                .where(each.c.key == label_key)
                .limit(1)
                .scalar_subquery()
            )
        case FieldKind.SECONDS:
            return column / literal(float(_SECOND))
    return column


def _begin(instant: Column, step: str) -> Column:
    """The beginning, in microseconds, of the step that an instant is in."""
    if step == "month":
        seconds = func.strftime("%s", instant / literal(_SECOND, Integer), "unixepoch", "start of month")
        return cast(seconds, Integer) * _SECOND
    shift = _MONDAY if step == "week" else 0
    return instant - (instant - shift) % _STEPS[step]


def _clause(dataset: Dataset, wanted: Filter) -> Clause:
    if wanted.comparison is Comparison.OR:
        return or_(*(_clause(dataset, part) for part in wanted.parts))
    assert wanted.field is not None
    kind = FIELDS[dataset][wanted.field]
    try:
        return _compared(_value(dataset, wanted.field, wanted.label_key), kind, wanted)
    except ValueError as error:
        raise InvalidRequest(
            f"the filter {wanted.comparison} of {wanted.field} has a value that does not suit it: {error}",
            where="where",
        ) from error


def _compared(column: Column, kind: FieldKind, wanted: Filter) -> Clause:
    match wanted.comparison:
        case Comparison.IS_NULL:
            return column.is_(null())
        case Comparison.IS_NOT_NULL:
            return column.is_not(null())
        case Comparison.IS_TRUE:
            return _is_true(column)
        case Comparison.IS_FALSE:
            return not_(_is_true(column))
    given = wanted.values if wanted.comparison in (Comparison.IN, Comparison.NOT_IN) else wanted.value
    if kind is FieldKind.INSTANT:
        operation = _OPERATIONS.get(wanted.comparison, wanted.comparison.value)
        if wanted.comparison in (Comparison.IN, Comparison.NOT_IN):
            operation, given = ("EQUALS" if wanted.comparison is Comparison.IN else "NOT_EQUALS"), list(given)
        return fields.instant(column).clause(operation, given)
    if kind in (FieldKind.NUMBER, FieldKind.SECONDS) and wanted.comparison not in _OF_TEXT:
        return _of_numbers(cast(column, Float), wanted.comparison, given)
    texts = [_word(each) for each in given] if isinstance(given, tuple) else _word(given)
    if wanted.comparison in _ORDERING:
        ordered: Clause = _ORDERING[wanted.comparison](column, texts)
        return ordered
    return fields.name(column).clause(_OPERATIONS.get(wanted.comparison, wanted.comparison.value), texts)


_OF_TEXT = (
    Comparison.CONTAINS,
    Comparison.STARTS_WITH,
    Comparison.ENDS_WITH,
    Comparison.PREFIX,
    Comparison.REGEX,
)
_ORDERING: dict[Comparison, Any] = {
    Comparison.GREATER_THAN: lambda column, value: column > value,
    Comparison.GREATER_THAN_OR_EQUAL_TO: lambda column, value: column >= value,
    Comparison.LESS_THAN: lambda column, value: column < value,
    Comparison.LESS_THAN_OR_EQUAL_TO: lambda column, value: column <= value,
}


def _of_numbers(column: Column, comparison: Comparison, given: Any) -> Clause:
    if comparison in (Comparison.IN, Comparison.NOT_IN):
        found = column.in_([_number(each) for each in given])
        return found if comparison is Comparison.IN else or_(column.is_(null()), not_(found))
    number = _number(given)
    if comparison is Comparison.EQUAL_TO:
        return column == number
    if comparison is Comparison.NOT_EQUAL_TO:
        return or_(column.is_(null()), column != number)
    found_: Clause = _ORDERING[comparison](column, number)
    return found_


def _number(value: Any) -> float:
    """A number, or the seconds of an ISO 8601 duration."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"`{value}` is not a number")
    try:
        return float(value)
    except ValueError:
        return iso8601.parse_duration(str(value)).total_seconds()


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)) or value is None:
        raise ValueError("it is not text")
    return str(value)


def _is_true(column: Column) -> Clause:
    return func.coalesce(func.lower(column), "").not_in(("", "0", "0.0", "false"))

"""What charts ask of the store: columns, groups and filters over one set of data (triggers spec A25)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Dataset(StrEnum):
    """What rows are about; the last part of a type of data."""

    EXECUTIONS = "Executions"
    LOGS = "Logs"
    METRICS = "Metrics"
    FLOWS = "Flows"
    TRIGGERS = "Triggers"


class FieldKind(StrEnum):
    """What the values of a field are."""

    TEXT = "text"
    NUMBER = "number"
    SECONDS = "seconds"
    INSTANT = "instant"
    LABELS = "labels"


class Aggregate(StrEnum):
    """How the values of a group become one."""

    AVG = "AVG"
    MAX = "MAX"
    MIN = "MIN"
    SUM = "SUM"
    COUNT = "COUNT"


class Comparison(StrEnum):
    """What a filter asks of a value."""

    CONTAINS = "CONTAINS"
    ENDS_WITH = "ENDS_WITH"
    EQUAL_TO = "EQUAL_TO"
    NOT_EQUAL_TO = "NOT_EQUAL_TO"
    GREATER_THAN = "GREATER_THAN"
    GREATER_THAN_OR_EQUAL_TO = "GREATER_THAN_OR_EQUAL_TO"
    LESS_THAN = "LESS_THAN"
    LESS_THAN_OR_EQUAL_TO = "LESS_THAN_OR_EQUAL_TO"
    IN = "IN"
    NOT_IN = "NOT_IN"
    IS_TRUE = "IS_TRUE"
    IS_FALSE = "IS_FALSE"
    IS_NULL = "IS_NULL"
    IS_NOT_NULL = "IS_NOT_NULL"
    OR = "OR"
    PREFIX = "PREFIX"
    REGEX = "REGEX"
    STARTS_WITH = "STARTS_WITH"

    @property
    def takes_value(self) -> bool:
        """It compares with one value."""
        return self not in _TAKES_NOTHING | {Comparison.IN, Comparison.NOT_IN, Comparison.OR}


_TAKES_NOTHING = frozenset(
    {Comparison.IS_TRUE, Comparison.IS_FALSE, Comparison.IS_NULL, Comparison.IS_NOT_NULL}
)

FIELDS: dict[Dataset, dict[str, FieldKind]] = {
    Dataset.EXECUTIONS: {
        "ID": FieldKind.TEXT,
        "NAMESPACE": FieldKind.TEXT,
        "FLOW_ID": FieldKind.TEXT,
        "FLOW_REVISION": FieldKind.NUMBER,
        "STATE": FieldKind.TEXT,
        "DURATION": FieldKind.SECONDS,
        "LABELS": FieldKind.LABELS,
        "START_DATE": FieldKind.INSTANT,
        "END_DATE": FieldKind.INSTANT,
        "TRIGGER_EXECUTION_ID": FieldKind.TEXT,
    },
    Dataset.LOGS: {
        "NAMESPACE": FieldKind.TEXT,
        "FLOW_ID": FieldKind.TEXT,
        "EXECUTION_ID": FieldKind.TEXT,
        "TASK_ID": FieldKind.TEXT,
        "DATE": FieldKind.INSTANT,
        "TASK_RUN_ID": FieldKind.TEXT,
        "ATTEMPT_NUMBER": FieldKind.NUMBER,
        "TRIGGER_ID": FieldKind.TEXT,
        "LEVEL": FieldKind.TEXT,
        "MESSAGE": FieldKind.TEXT,
    },
    Dataset.METRICS: {
        "NAMESPACE": FieldKind.TEXT,
        "FLOW_ID": FieldKind.TEXT,
        "TASK_ID": FieldKind.TEXT,
        "EXECUTION_ID": FieldKind.TEXT,
        "TASK_RUN_ID": FieldKind.TEXT,
        "TYPE": FieldKind.TEXT,
        "NAME": FieldKind.TEXT,
        "VALUE": FieldKind.NUMBER,
        "DATE": FieldKind.INSTANT,
    },
    Dataset.FLOWS: {"ID": FieldKind.TEXT, "NAMESPACE": FieldKind.TEXT, "REVISION": FieldKind.NUMBER},
    Dataset.TRIGGERS: {
        "ID": FieldKind.TEXT,
        "NAMESPACE": FieldKind.TEXT,
        "FLOW_ID": FieldKind.TEXT,
        "TRIGGER_ID": FieldKind.TEXT,
        "EXECUTION_ID": FieldKind.TEXT,
        "NEXT_EXECUTION_DATE": FieldKind.INSTANT,
        "WORKER_ID": FieldKind.TEXT,
    },
}
"""The fields of every set of data."""

WINDOW_FIELD = {Dataset.EXECUTIONS: "START_DATE", Dataset.LOGS: "DATE", Dataset.METRICS: "DATE"}
"""The date that a dashboard's window bounds. Flows have none, and what triggers will do lies ahead."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold for the rows that are counted."""

    comparison: Comparison
    field: str | None = None
    """None for OR, whose parts have fields."""
    label_key: str | None = None
    value: Any = None
    values: tuple[Any, ...] = ()
    parts: tuple[Filter, ...] = ()
    """Of OR: one of them must hold."""


class ChartColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the answer."""

    key: str
    field: str | None = None
    label_key: str | None = None
    aggregate: Aggregate | None = None
    step: str | None = None
    """Instants become the beginning of their `minute`, `hour`, `day`, `week` or `month`, in UTC."""


class ChartOrder(msgspec.Struct, frozen=True):
    """A column of the answer by its key, and a direction."""

    key: str
    descending: bool = False

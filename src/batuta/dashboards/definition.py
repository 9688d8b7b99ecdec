"""What a dashboard is made of (triggers spec A25)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import msgspec

from batuta.model.charts import Aggregate, Dataset, Filter

CHARTS = "io.kestra.plugin.core.dashboard.chart."
DATA = "io.kestra.plugin.core.dashboard.data."

DEFAULT_WINDOW = timedelta(days=30)
LONGEST_WINDOW = timedelta(days=366)


class ChartKind(StrEnum):
    """How data is drawn; the last part of the type of a chart."""

    TIME_SERIES = "TimeSeries"
    BAR = "Bar"
    PIE = "Pie"
    TABLE = "Table"
    KPI = "KPI"
    MARKDOWN = "Markdown"


class GraphStyle(StrEnum):
    """How the values of a column are drawn over time."""

    LINES = "LINES"
    BARS = "BARS"
    POINTS = "POINTS"


class NumberType(StrEnum):
    """How the figure of a KPI is told."""

    FLAT = "FLAT"
    PERCENTAGE = "PERCENTAGE"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the data of a chart."""

    field: str | None = None
    """None only for a count of rows."""
    aggregate: Aggregate | None = None
    label_key: str | None = None
    """Which label, for the field LABELS."""
    display_name: str | None = None
    graph_style: GraphStyle | None = None


class Ordering(msgspec.Struct, frozen=True):
    """A column of the data, and a direction."""

    column: str
    descending: bool


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows a chart shows."""

    dataset: Dataset
    columns: dict[str, Column]
    """By the key under which a row holds their value; a KPI has one, `value`."""
    where: tuple[Filter, ...] = ()
    order: tuple[Ordering, ...] = ()
    numerator: tuple[Filter, ...] = ()
    """Of a KPI: which of the rows are the part whose share is told."""

    @property
    def is_aggregated(self) -> bool:
        """Rows are groups."""
        return any(column.aggregate is not None for column in self.columns.values())


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """One chart."""

    id: str
    kind: ChartKind
    data: Data | None = None
    """None for text."""
    column: str | None = None
    """The column along which the chart runs."""
    is_paged: bool = False
    number_type: NumberType = NumberType.FLAT
    document: dict[str, Any]
    """As it was written."""


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """One dashboard."""

    id: str | None
    """None when its author gave none."""
    title: str
    description: str | None = None
    default_window: timedelta = DEFAULT_WINDOW
    longest_window: timedelta = LONGEST_WINDOW
    charts: tuple[Chart, ...] = ()
    document: dict[str, Any]
    """As it was written."""

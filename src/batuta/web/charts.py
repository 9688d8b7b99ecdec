"""The data of charts: from a definition and what a viewer asks for to rows (API spec §17)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from batuta import iso8601
from batuta.dashboards.data import VALUE
from batuta.dashboards.definition import (
    DEFAULT_WINDOW,
    LONGEST_WINDOW,
    Chart,
    ChartKind,
    Dashboard,
    Data,
    NumberType,
)
from batuta.errors import InvalidRequest, RequestError
from batuta.model.charts import (
    FIELDS,
    WINDOW_FIELD,
    ChartColumn,
    ChartOrder,
    Comparison,
    Dataset,
    FieldKind,
    Filter,
)
from batuta.store.port import AllOf, ChartQuery, Condition, Criteria
from batuta.web import filters
from batuta.web.access import EVERYWHERE, Action
from batuta.web.query import read_instant
from batuta.web.series import step_for
from batuta.web.site import Site

Json = dict[str, Any]

PAGE_SIZE = 25
"""Rows of a page of a table, unless told otherwise."""
MOST_ROWS = 10_000
"""Rows of one answer, and lines of an exported file."""

_FILTERS = {
    Dataset.EXECUTIONS: filters.EXECUTIONS,
    Dataset.LOGS: filters.LOGS,
    Dataset.METRICS: filters.EXECUTIONS,
    Dataset.FLOWS: filters.FLOWS,
    Dataset.TRIGGERS: filters.TRIGGERS,
}
_LABELLED = (Dataset.EXECUTIONS, Dataset.METRICS, Dataset.FLOWS)


class TooLong(RequestError):
    """More time is asked for than a dashboard shows."""

    code = "dashboard.interval-too-long"


class Overrides(msgspec.Struct, rename="camel"):
    """What a viewer asks of a chart beside its definition."""

    start_date: str | None = None
    end_date: str | None = None
    page_size: int | None = None
    page_number: int | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None
    filters: list[Any] | None = None


async def rows(
    site: Site, chart: Chart, asked: Overrides, dashboard: Dashboard | None = None, *, all_pages: bool = False
) -> Json:
    """The rows of a chart by the keys of its columns, and how many there are in all.

    Raises:
        TooLong: the interval is longer than the dashboard allows.
        InvalidRequest: the chart has no data, or something that was asked for is wrong.
    """
    if chart.data is None:
        raise InvalidRequest(f"the chart `{chart.id}` is text and has no data")
    site.guard.must(Action.READ, asked.namespace or EVERYWHERE)
    start, end = _window(asked, dashboard, site.now())
    base = ChartQuery(
        dataset=chart.data.dataset,
        columns=_columns(chart, end - start),
        where=chart.data.where + _within(chart.data.dataset, start, end),
        criteria=_criteria(chart.data.dataset, asked, site.now()),
        order=tuple(ChartOrder(each.column, each.descending) for each in chart.data.order),
        limit=MOST_ROWS,
    )
    if chart.kind is ChartKind.KPI:
        return {"results": [{VALUE: await _figure(site, chart, chart.data, base)}], "total": 1}
    if chart.is_paged and not all_pages:
        size = min(max(asked.page_size or PAGE_SIZE, 1), MOST_ROWS)
        offset = (max(asked.page_number or 1, 1) - 1) * size
        base = msgspec.structs.replace(base, limit=size, offset=offset)
    found = await site.ports.store.charts.rows(base)
    return {"results": found.results, "total": found.total}


async def _figure(site: Site, chart: Chart, data: Data, base: ChartQuery) -> Any:
    """The figure of a KPI: of all rows, or of the part that its numerator asks for, or the share of that."""
    [whole] = (await site.ports.store.charts.rows(base)).results
    if not data.numerator:
        return whole[VALUE]
    narrowed = msgspec.structs.replace(base, where=base.where + data.numerator)
    [part] = (await site.ports.store.charts.rows(narrowed)).results
    if chart.number_type is NumberType.FLAT:
        return part[VALUE]
    return 100 * (part[VALUE] or 0) / whole[VALUE] if whole[VALUE] else 0


def _window(asked: Overrides, dashboard: Dashboard | None, now: datetime) -> tuple[datetime, datetime]:
    default = DEFAULT_WINDOW if dashboard is None else dashboard.default_window
    longest = LONGEST_WINDOW if dashboard is None else dashboard.longest_window
    end = now if asked.end_date is None else read_instant(asked.end_date, "endDate")
    start = end - default if asked.start_date is None else read_instant(asked.start_date, "startDate")
    if start > end:
        raise InvalidRequest("`startDate` is later than `endDate`", where="startDate")
    if end - start > longest:
        raise TooLong(
            f"The interval is longer than {iso8601.format_duration(longest)}",
            where="startDate",
            mend="ask for less, or let the dashboard show more with `timeWindow.max`",
        )
    return start, end


def _within(dataset: Dataset, start: datetime, end: datetime) -> tuple[Filter, ...]:
    field = WINDOW_FIELD.get(dataset)
    if field is None:
        return ()
    return (
        Filter(comparison=Comparison.GREATER_THAN_OR_EQUAL_TO, field=field, value=start),
        Filter(comparison=Comparison.LESS_THAN_OR_EQUAL_TO, field=field, value=end),
    )


def _columns(chart: Chart, span: timedelta) -> tuple[ChartColumn, ...]:
    """The columns; the dates along which a chart runs are those of steps that suit the interval."""
    assert chart.data is not None
    step = step_for(span).value if chart.data.is_aggregated else None
    return tuple(
        ChartColumn(
            key=key,
            field=column.field,
            label_key=column.label_key,
            aggregate=column.aggregate,
            step=step if column.aggregate is None and _is_instant(chart.data, column.field) else None,
        )
        for key, column in chart.data.columns.items()
    )


def _is_instant(data: Data, field: str | None) -> bool:
    return field is not None and FIELDS[data.dataset][field] is FieldKind.INSTANT


def _criteria(dataset: Dataset, asked: Overrides, now: datetime) -> Criteria:
    parts: list[Criteria] = []
    if asked.namespace:
        parts.append(Condition("namespace", "PREFIX", asked.namespace))
    if asked.labels and dataset in _LABELLED:
        parts.append(Condition("labels", "EQUALS", asked.labels))
    if asked.filters:
        parts.append(filters.criteria_of_body(asked.filters, _FILTERS[dataset], now))
    return AllOf(tuple(parts))

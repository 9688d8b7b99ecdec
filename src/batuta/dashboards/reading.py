"""YAML text to a `Dashboard` or a `Chart`, or to everything that is wrong with it, each with its place."""

from __future__ import annotations

from collections import Counter

from batuta.dashboards.data import data_of
from batuta.dashboards.definition import (
    CHARTS,
    DEFAULT_WINDOW,
    LONGEST_WINDOW,
    Chart,
    ChartKind,
    Dashboard,
    Data,
    NumberType,
)
from batuta.errors import BatutaError
from batuta.flows.documents import DocumentReading, Kind, read_document
from batuta.flows.findings import Violation
from batuta.flows.section import Section
from batuta.model.charts import FIELDS, FieldKind
from batuta.nearness import did_you_mean

ID = r"[a-zA-Z0-9][a-zA-Z0-9_-]*"
WIDEST = 12
_OWNER = "io.kestra.core.models.dashboards.Dashboard"
_DASHBOARD = frozenset({"id", "title", "description", "timeWindow", "charts"})
_KEPT_BY_SERVERS = frozenset({"tenantId", "deleted", "created", "updated", "sourceCode"})
"""Properties that a server adds when it is asked for a dashboard; they say nothing about it."""
_CHART = frozenset({"id", "type", "chartOptions", "data", "content", "source"})
_OPTIONS = frozenset({"displayName", "description", "width"})
_OWN_OPTIONS = {
    ChartKind.TIME_SERIES: frozenset({"column", "colorByColumn", "tooltip", "legend"}),
    ChartKind.BAR: frozenset({"column", "colorByColumn", "tooltip", "legend"}),
    ChartKind.PIE: frozenset({"graphStyle", "colorByColumn", "tooltip", "legend"}),
    ChartKind.TABLE: frozenset({"header", "pagination"}),
    ChartKind.KPI: frozenset({"numberType"}),
    ChartKind.MARKDOWN: frozenset[str](),
}
_TOOLTIPS = ("ALL", "NONE", "SINGLE")
_PIES = ("DONUT", "PIE")
_MOST_SERIES = 2
"""Aggregations that one chart over time can draw."""

_READ_AS_DASHBOARD = Kind("dashboard", "`title:` and `charts:`")
_READ_AS_CHART = Kind("chart", "`id:` and `type:`")


class InvalidDashboard(BatutaError):
    """A dashboard cannot be shown. Attributes: `violations`, all that is wrong with it."""

    code = "dashboard.invalid"

    def __init__(self, found: tuple[Violation, ...]) -> None:
        self.violations = found
        first = found[0]
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        where = f"{first.path or 'the dashboard'} (line {first.line}, column {first.column}){more}"
        super().__init__(first.message, where=where, mend=first.hint)


def parse(source: str) -> Dashboard:
    """Read one dashboard.

    Raises:
        InvalidDashboard: something is wrong with it.
    """
    reading = read(source)
    if reading.result is None:
        raise InvalidDashboard(reading.violations)
    return reading.result


def read(source: str) -> DocumentReading[Dashboard]:
    """Read one dashboard. Never raises for a mistake of its author."""
    return read_document(source, _READ_AS_DASHBOARD, _dashboard)


def read_chart(source: str) -> DocumentReading[Chart]:
    """Read one chart by itself. Never raises for a mistake of its author."""
    return read_document(source, _READ_AS_CHART, _chart)


def _dashboard(section: Section) -> Dashboard:
    section.refuse_unknown(_DASHBOARD | _KEPT_BY_SERVERS, _OWNER)
    id = section.text("id", pattern=ID, least=1, most=256)
    title = section.text("title", required=True, least=1, most=500)
    default, longest = DEFAULT_WINDOW, LONGEST_WINDOW
    window = section.section("timeWindow")
    if window is not None:
        window.refuse_unknown(("default", "max"), "io.kestra.core.models.dashboards.TimeWindow")
        default = window.timedelta("default") or default
        longest = window.timedelta("max") or longest
        if longest > LONGEST_WINDOW:
            window.wrong("max", "must be at most P366D")
        if default > longest:
            window.wrong(
                "default", "must not be longer than `max`", hint="make `max` longer, or `default` shorter"
            )
    if not section.has("charts"):
        section.wrong("charts", "must not be null", hint="add `charts:` with at least one chart")
    charts = [chart for each in section.sections("charts") if (chart := _chart(each)) is not None]
    for id_, times in Counter(chart.id for chart in charts).items():
        if times > 1 and id_:
            section.wrong(
                "charts", f"Duplicate chart id with name [{id_}]", hint="give each chart an id of its own"
            )
    return Dashboard(
        id=id,
        title=title or "",
        description=section.text("description"),
        default_window=default,
        longest_window=longest,
        charts=tuple(charts),
        document={name: value for name, value in section.data.items() if name not in _KEPT_BY_SERVERS},
    )


def _chart(section: Section) -> Chart | None:
    section.refuse_unknown(_CHART, "io.kestra.core.models.dashboards.charts.Chart")
    id = section.text("id", required=True, pattern=ID, least=1, most=256)
    written = section.text("type", required=True)
    if written is None:
        return None
    names = {f"{CHARTS}{kind.value}": kind for kind in ChartKind}
    kind = names.get(written)
    if kind is None:
        hint = did_you_mean(written, names) or f"types of charts: {', '.join(names)}"
        section.wrong("type", f"Invalid type: {written}", hint=hint)
        return None
    if kind is ChartKind.MARKDOWN:
        _check_text(section)
        _options(section, kind, None)
        return Chart(id=id or "", kind=kind, document=section.data)
    for name in ("content", "source"):
        if section.has(name):
            section.wrong(name, f"only a chart of the type {CHARTS}{ChartKind.MARKDOWN} has text")
    data = data_of(section, kind)
    options = _options(section, kind, data)
    if data is not None:
        _check_together(section, kind, data, options)
    paging = None if options is None else options.section("pagination")
    number = None if options is None else options.choice("numberType", NumberType)
    return Chart(
        id=id or "",
        kind=kind,
        data=data,
        column=None if options is None else options.text("column"),
        is_paged=paging is not None and paging.flag("enabled"),
        number_type=number or NumberType.FLAT,
        document=section.data,
    )


def _check_text(section: Section) -> None:
    if section.has("data"):
        section.wrong("data", "a chart of text has no data")
    source = section.section("source")
    if source is not None:
        source.text("type", required=True)
    elif section.text("content") is None:
        section.wrong("content", "must not be null", hint="give the text as `content:`, or a `source:`")


def _options(section: Section, kind: ChartKind, data: Data | None) -> Section | None:
    """The options of a chart, checked."""
    options = section.section("chartOptions")
    if options is None:
        if kind is not ChartKind.MARKDOWN:
            section.wrong(
                "chartOptions", "must not be null", hint="add `chartOptions:` with a `displayName:`"
            )
        return None
    options.refuse_unknown(_OPTIONS | _OWN_OPTIONS[kind], f"{CHARTS}{kind.value}")
    options.text("displayName", required=kind is not ChartKind.MARKDOWN)
    options.text("description")
    width = options.integer("width", least=1)
    if width is not None and width > WIDEST:
        options.wrong("width", f"must be less than or equal to {WIDEST}")
    for name, words in (("tooltip", _TOOLTIPS), ("graphStyle", _PIES)):
        text = options.text(name)
        if text is not None and text not in words:
            options.wrong(name, f"must be one of {', '.join(words)}, but is `{text}`")
    for name in ("legend", "header", "pagination"):
        inner = options.section(name)
        if inner is not None:
            inner.refuse_unknown(("enabled", "pageSize"), f"{CHARTS}{kind.value}")
            inner.flag("enabled")
    needs_column = kind in (ChartKind.TIME_SERIES, ChartKind.BAR)
    for name in ("column", "colorByColumn"):
        key = options.text(name, required=needs_column and name == "column")
        if key is not None and data is not None and key not in data.columns:
            hint = did_you_mean(key, data.columns) or f"columns: {', '.join(data.columns) or 'none'}"
            options.wrong(name, f"`{key}` is not a column of the data", hint=hint)
    return options


def _check_together(section: Section, kind: ChartKind, data: Data, options: Section | None) -> None:
    """What a kind of chart wants of its data."""
    aggregations = sum(column.aggregate is not None for column in data.columns.values())
    if kind in (ChartKind.BAR, ChartKind.PIE, ChartKind.TIME_SERIES) and not aggregations:
        section.wrong("data", "at least one column needs an aggregation", hint="add `agg: COUNT` to a column")
    if kind is ChartKind.TIME_SERIES:
        if aggregations > _MOST_SERIES:
            section.wrong("data", f"a chart over time has at most {_MOST_SERIES} aggregations")
        styles = [column.graph_style for column in data.columns.values() if column.aggregate is not None]
        if len(styles) > 1 and len(set(styles)) < len(styles):
            section.wrong("data", "two aggregations need two graph styles", hint="graphStyle: LINES and BARS")
        axis = None if options is None else data.columns.get(options.text("column") or "")
        kind_of_axis = None if axis is None or axis.field is None else FIELDS[data.dataset].get(axis.field)
        if kind_of_axis not in (None, FieldKind.INSTANT):
            section.wrong("chartOptions", "the column of a chart over time must be a date")
    if kind is ChartKind.TABLE and aggregations:
        paging = None if options is None else options.section("pagination")
        if paging is None or paging.flag("enabled", default=True):
            section.wrong(
                "chartOptions",
                "a table of groups has no pages",
                hint="add `pagination: {enabled: false}` to its `chartOptions`",
            )

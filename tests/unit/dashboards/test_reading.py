"""Dashboards as text: what is read, and all that can be wrong with it (triggers spec A25)."""

from __future__ import annotations

import textwrap

import pytest

from batuta import dashboards
from batuta.dashboards.definition import ChartKind, GraphStyle, NumberType
from batuta.model.charts import Aggregate, Comparison, Dataset

CHART = "io.kestra.plugin.core.dashboard.chart."
DATA = "io.kestra.plugin.core.dashboard.data."
OVER_TIME = f"""\
id: over_time
type: {CHART}TimeSeries
chartOptions:
  displayName: Executions
  column: date
  colorByColumn: state
  tooltip: SINGLE
  width: 8
data:
  type: {DATA}Executions
  columns:
    date: {{field: START_DATE}}
    state: {{field: STATE}}
    team: {{field: LABELS, labelKey: team}}
    total: {{agg: COUNT, graphStyle: BARS}}
    took: {{field: DURATION, agg: SUM, graphStyle: LINES}}
  where:
    - {{field: NAMESPACE, type: STARTS_WITH, value: company}}
    - type: OR
      values:
        - {{field: STATE, type: IN, values: [FAILED, KILLED]}}
        - {{field: END_DATE, type: IS_NULL}}
  orderBy: [{{column: total, order: DESC}}]
"""
KPI = f"""\
id: success
type: {CHART}KPI
chartOptions: {{displayName: Success, numberType: PERCENTAGE}}
data:
  type: {DATA}ExecutionsKPI
  columns: {{field: ID, agg: COUNT}}
  numerator: [{{field: STATE, type: EQUAL_TO, value: SUCCESS}}]
"""


def problems(source: str) -> list[tuple[str, str]]:
    return [(each.path, each.message) for each in dashboards.read_chart(source).violations]


def test_a_chart_over_time_is_read():
    chart = dashboards.read_chart(OVER_TIME).result
    assert chart is not None
    assert (chart.kind, chart.column, chart.data.dataset) == (
        ChartKind.TIME_SERIES,
        "date",
        Dataset.EXECUTIONS,
    )
    columns = chart.data.columns
    assert columns["took"].aggregate is Aggregate.SUM
    assert columns["took"].graph_style is GraphStyle.LINES
    assert columns["team"].label_key == "team"
    first, second = chart.data.where
    assert (first.comparison, first.field, first.value) == (Comparison.STARTS_WITH, "NAMESPACE", "company")
    assert [part.comparison for part in second.parts] == [Comparison.IN, Comparison.IS_NULL]
    assert [(each.column, each.descending) for each in chart.data.order] == [("total", True)]


def test_a_figure_is_read():
    chart = dashboards.read_chart(KPI).result
    assert chart is not None
    assert chart.number_type is NumberType.PERCENTAGE
    assert list(chart.data.columns) == ["value"]
    assert len(chart.data.numerator) == 1


def test_a_dashboard_has_a_window_and_charts():
    source = (
        f"title: All\ntimeWindow: {{default: P7D, max: P30D}}\ncharts:\n  -\n{textwrap.indent(KPI, '    ')}"
    )
    found = dashboards.parse(source)
    assert (found.title, found.default_window.days, found.longest_window.days) == ("All", 7, 30)
    assert [chart.id for chart in found.charts] == ["success"]


def test_text_has_no_data():
    found = dashboards.read_chart(f"id: note\ntype: {CHART}Markdown\ncontent: '# Hello'")
    assert found.violations == ()
    wrong = problems(f"id: note\ntype: {CHART}Markdown\ndata: {{}}")
    assert sorted(wrong) == [("content", "must not be null"), ("data", "a chart of text has no data")]


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        (
            "field: START_DATE",
            "field: STARTED",
            "data.columns.date.field",
            "`STARTED` is not a field of Executions",
        ),
        ("column: date", "column: dat", "chartOptions.column", "`dat` is not a column of the data"),
        (
            "column: date",
            "column: state",
            "chartOptions",
            "the column of a chart over time must be a date",
        ),
        ("labelKey: team", "displayName: team", "data.columns.team.labelKey", "must not be null"),
        ("graphStyle: LINES", "graphStyle: BARS", "data", "two aggregations need two graph styles"),
        (
            "field: DURATION, agg: SUM",
            "field: STATE, agg: SUM",
            "data.columns.took.agg",
            "SUM needs numbers, and STATE has none",
        ),
        ("width: 8", "width: 13", "chartOptions.width", "must be less than or equal to 12"),
        (
            "tooltip: SINGLE",
            "tooltip: SOME",
            "chartOptions.tooltip",
            "must be one of ALL, NONE, SINGLE, but is `SOME`",
        ),
        ("order: DESC", "order: down", "data.orderBy[0].order", "must be ASC or DESC, but is `down`"),
        (
            "column: total, order",
            "column: totl, order",
            "data.orderBy[0].column",
            "`totl` is not a column of the data",
        ),
        ("value: company", "labelKey: x", "data.where[0].value", "must not be null"),
        (
            "{field: STATE}",
            "{field: START_DATE}",
            "data.columns.state",
            "the field START_DATE is there already",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old, new, path, message):
    assert (path, message) in problems(OVER_TIME.replace(old, new, 1))


def test_unknown_types_and_properties_come_with_a_suggestion():
    found = dashboards.read_chart(OVER_TIME.replace("chart.TimeSeries", "chart.TimeSerie"))
    assert found.violations[0].hint == f"did you mean `{CHART}TimeSeries`?"
    found = dashboards.read_chart(OVER_TIME.replace("orderBy", "ordrBy"))
    assert 'Unrecognized field "ordrBy"' in found.violations[0].message


def test_a_chart_of_one_kind_has_no_data_of_another():
    assert problems(KPI.replace("ExecutionsKPI", "Executions"))[0][1] == f"Invalid type: {DATA}Executions"
    assert problems(OVER_TIME.replace("data.Executions", "data.ExecutionsKPI"))[0][0] == "data.type"


def test_a_table_of_groups_has_no_pages():
    table = (
        f"id: t\ntype: {CHART}Table\nchartOptions: {{displayName: T}}\n"
        f"data:\n  type: {DATA}Logs\n  columns: {{level: {{field: LEVEL}}, n: {{agg: COUNT}}}}\n"
    )
    assert problems(table) == [("chartOptions", "a table of groups has no pages")]
    assert problems(table.replace("displayName: T", "displayName: T, pagination: {enabled: false}")) == []


def test_a_window_is_bounded_and_ids_are_unique():
    source = (
        "title: T\ntimeWindow: {default: P60D, max: P30D}\ncharts:\n"
        + f"  -\n{textwrap.indent(KPI, '    ')}  -\n{textwrap.indent(KPI, '    ')}"
    )
    messages = [each.message for each in dashboards.read(source).violations]
    assert "must not be longer than `max`" in messages
    assert "Duplicate chart id with name [success]" in messages
    assert "must be at most P366D" in [
        each.message for each in dashboards.read(source.replace("P30D", "P400D")).violations
    ]


@pytest.mark.parametrize("source", ["", "- a", "title: [", "title: A", "charts: []\n", "\ud800"])
def test_bad_text_is_never_an_exception(source):
    assert dashboards.read(source).violations

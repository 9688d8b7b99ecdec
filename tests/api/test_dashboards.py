"""Dashboards over REST: kept, checked, and the data of their charts (API spec §17)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import YAML, Api

CHART = "io.kestra.plugin.core.dashboard.chart."
DATA = "io.kestra.plugin.core.dashboard.data."
SUCCESS = f"""\
id: success
type: {CHART}KPI
chartOptions: {{displayName: Success, numberType: PERCENTAGE}}
data:
  type: {DATA}ExecutionsKPI
  columns: {{field: ID, agg: COUNT}}
  numerator: [{{field: STATE, type: EQUAL_TO, value: SUCCESS}}]
"""
OPS = f"""\
id: ops
title: Operations
timeWindow: {{default: P7D, max: P30D}}
charts:
  - id: by_state
    type: {CHART}Bar
    chartOptions: {{displayName: States, column: state}}
    data:
      type: {DATA}Executions
      columns:
        state: {{field: STATE}}
        total: {{field: ID, agg: COUNT}}
      orderBy: [{{column: total, order: DESC}}]
  - id: latest
    type: {CHART}Table
    chartOptions: {{displayName: Latest, pagination: {{enabled: true}}}}
    data:
      type: {DATA}Executions
      columns: {{flow: {{field: FLOW_ID}}, team: {{field: LABELS, labelKey: team}}}}
      orderBy: [{{column: flow}}]
"""
FLOWS = """\
id: {id}
namespace: {namespace}
labels: {{team: {team}}}
tasks:
  - {{id: t, type: io.kestra.plugin.core.execution.{type}}}
"""


@pytest.fixture
async def ops(api: Api) -> Api:
    await api.call("POST", "/dashboards", content=OPS, headers=YAML)
    say = "Assert, conditions: ['true']"
    await api.save(FLOWS.format(id="good", namespace="company", team="red", type=say))
    await api.save(FLOWS.format(id="bad", namespace="company.team", team="blue", type="Fail"))
    for flow in ("company/good", "company/good", "company.team/bad"):
        await api.run(flow)
    return api


async def test_a_dashboard_is_kept_listed_changed_and_removed(api):
    created = await api.call("POST", "/dashboards", content=OPS, headers=YAML)
    assert (created["id"], created["title"], created["deleted"]) == ("ops", "Operations", False)
    assert created["timeWindow"] == {"default": "P7D", "max": "P30D"}
    assert created["sourceCode"] == OPS
    assert [chart["id"] for chart in created["charts"]] == ["by_state", "latest"]

    unnamed = await api.call("POST", "/dashboards", content=OPS.replace("id: ops\n", "", 1), headers=YAML)
    assert unnamed["id"] != "ops"
    await api.call("POST", "/dashboards", content=OPS, headers=YAML, expect=422)

    changed = await api.call("PUT", "/dashboards/ops", content=OPS.replace("Operations", "All"), headers=YAML)
    assert (changed["title"], changed["created"]) == ("All", created["created"])
    page = await api.call("GET", "/dashboards?q=all&size=1&sort=title:desc")
    assert ([each["id"] for each in page["results"]], page["total"]) == (["ops"], 1)
    await api.call("GET", "/dashboards?sort=color:asc", expect=422)

    await api.call("DELETE", "/dashboards/ops", expect=204)
    await api.call("GET", "/dashboards/ops", expect=404)
    await api.call("DELETE", "/dashboards/ops", expect=404)
    await api.call("PUT", "/dashboards/ops", content=OPS, headers=YAML, expect=404)
    await api.call("GET", "/dashboards/..%2F..%2Fflows", expect=422)


async def test_a_wrong_dashboard_is_refused_with_all_that_is_wrong(api):
    wrong = OPS.replace("field: STATE", "field: STAT").replace("column: flow", "column: flw")
    refused = await api.call("POST", "/dashboards", content=wrong, headers=YAML, expect=422)
    assert "`STAT` is not a field of Executions" in refused["message"]
    assert "`flw` is not a column of the data" in refused["message"]

    checked = await api.call("POST", "/dashboards/validate", content=wrong, headers=YAML)
    assert [each["line"] for each in checked["violations"]] == [11, 20]
    assert (await api.call("POST", "/dashboards/validate", content=OPS, headers=YAML)).get(
        "constraints"
    ) is None
    chart = await api.call("POST", "/dashboards/validate/chart", content="id: a\ntype: b", headers=YAML)
    assert "Invalid type: b" in chart["constraints"]


async def test_charts_give_their_rows(ops):
    bars = await ops.call("POST", "/dashboards/ops/charts/by_state")
    assert bars == {
        "results": [{"state": "SUCCESS", "total": 2}, {"state": "FAILED", "total": 1}],
        "total": 2,
    }
    page = await ops.call("POST", "/dashboards/ops/charts/latest", json={"pageSize": 2, "pageNumber": 2})
    assert page == {"results": [{"flow": "good", "team": "red"}], "total": 3}
    await ops.call("POST", "/dashboards/ops/charts/none", expect=404)
    await ops.call("POST", "/dashboards/none/charts/by_state", expect=404)


@pytest.mark.parametrize(
    ("asked", "total"),
    [
        ({"namespace": "company.team"}, 1),
        ({"namespace": "company"}, 3),
        ({"labels": {"team": "red"}}, 2),
        ({"filters": [{"field": "flowId", "operation": "EQUALS", "value": "bad"}]}, 1),
        ({"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-01-02T00:00:00Z"}, 0),
    ],
)
async def test_a_viewer_narrows_what_a_chart_shows(ops, asked, total):
    found = await ops.call("POST", "/dashboards/ops/charts/latest", json=asked)
    assert found["total"] == total


async def test_what_a_viewer_asks_for_is_checked(ops):
    end = datetime.now(UTC)
    long = {"startDate": (end - timedelta(days=31)).isoformat(), "endDate": end.isoformat()}
    refused = await ops.call("POST", "/dashboards/ops/charts/latest", json=long, expect=422)
    assert "longer than" in refused["message"]
    for wrong, status in (
        ({"startDate": "now"}, 400),
        ({"startDate": end.isoformat(), "endDate": (end - timedelta(1)).isoformat()}, 422),
        ({"filters": [{"field": "color", "operation": "EQUALS", "value": "x"}]}, 400),
    ):
        await ops.call("POST", "/dashboards/ops/charts/latest", json=wrong, expect=status)


async def test_a_figure_is_a_share(ops):
    share = await ops.call("POST", "/dashboards/charts/preview", json={"chart": SUCCESS})
    assert share["results"][0]["value"] == pytest.approx(200 / 3)
    flat = SUCCESS.replace(", numberType: PERCENTAGE", "")
    assert (await ops.call("POST", "/dashboards/charts/preview", json={"chart": flat}))["results"] == [
        {"value": 2}
    ]
    nothing = {"chart": SUCCESS, "globalFilter": {"namespace": "nobody"}}
    assert (await ops.call("POST", "/dashboards/charts/preview", json=nothing))["results"] == [{"value": 0}]
    await ops.call("POST", "/dashboards/charts/preview", json={"chart": "id: a"}, expect=422)


async def test_rows_are_exported_as_csv(ops):
    text = await ops.call("POST", "/dashboards/ops/charts/latest/export/to-csv", json={"pageSize": 1})
    assert text == "flow,team\nbad,blue\ngood,red\ngood,red\n"
    assert (await ops.call("POST", "/dashboards/charts/export", json={"chart": SUCCESS})).startswith(
        "value\n66.6"
    )
    await ops.call("POST", "/dashboards/ops/charts/latest/export?format=xls", expect=400)


async def test_no_dashboard_takes_the_place_of_a_built_in_one_unless_told(api):
    assert await api.call("GET", "/dashboards/settings/default-dashboards") == {}
    assert (await api.call("GET", "/configs"))["isCustomDashboardsEnabled"] is True

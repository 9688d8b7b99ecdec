"""Dashboards and the data of their charts (API spec §17)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import FromPath

from batuta import dashboards
from batuta.dashboards import Chart
from batuta.errors import InvalidRequest, NotFound
from batuta.flows.documents import DocumentReading
from batuta.web import charts, forms, query
from batuta.web.access import EVERYWHERE, Action
from batuta.web.api.flows import source_of
from batuta.web.charts import Overrides
from batuta.web.dashboards import Gallery, KeptDashboard
from batuta.web.rejections import Invalid
from batuta.web.routes import delete, get, post, put
from batuta.web.saving import parts_of
from batuta.web.site import GivenSite, Site
from batuta.web.tables import table

Json = dict[str, Any]

_SORTED = {"id": lambda each: each.id, "title": lambda each: each.definition.title.lower()}


class PreviewRequest(msgspec.Struct, rename="camel"):
    """A chart that is not kept, and what a viewer asks of it."""

    chart: str
    global_filter: Overrides | None = None


def _gallery(site: Site) -> Gallery:
    return Gallery(site.ports.storage)


@get("/dashboards")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Dashboards whose title or id has the words."""
    asked = query.of(request)
    page = query.paging(asked)
    words = (asked.text("q") or asked.text("filters[q][EQUALS]") or "").lower().split()
    found = [each for each in await _gallery(site).all() if _has(each, words)]
    for order in reversed(page.order):
        key = _SORTED.get(order.column)
        if key is None:
            raise InvalidRequest(
                f"dashboards cannot be sorted by `{order.column}`", mend="known columns: id, title"
            )
        found.sort(key=key, reverse=order.descending)
    shown = found[page.offset : page.offset + page.limit]
    return {"results": [each.shape for each in shown], "total": len(found)}


def _has(kept: KeptDashboard, words: list[str]) -> bool:
    text = f"{kept.id} {kept.definition.title} {kept.definition.description or ''}".lower()
    return all(word in text for word in words)


@post("/dashboards")
async def create(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Keep a new dashboard."""
    site.guard.must(Action.CREATE, EVERYWHERE)
    return (await _gallery(site).create(await source_of(request), site.now())).shape


@get("/dashboards/settings/default-dashboards")
async def defaults(site: GivenSite) -> Json:
    """Which dashboards take the place of the built-in ones; none, unless settings name some."""
    named = {
        "defaultHomeDashboard": site.settings.home_dashboard,
        "defaultFlowOverviewDashboard": site.settings.flow_dashboard,
        "defaultNamespaceOverviewDashboard": site.settings.namespace_dashboard,
    }
    return {name: value for name, value in named.items() if value}


@post("/dashboards/validate")
async def validate(request: Request[Any, Any, Any]) -> Json:
    """Say what is wrong with a dashboard; never keeps anything."""
    return _validated(dashboards.read(await source_of(request)))


@post("/dashboards/validate/chart")
async def validate_chart(request: Request[Any, Any, Any]) -> Json:
    """Say what is wrong with a chart."""
    return _validated(dashboards.read_chart(await source_of(request)))


def _validated(reading: DocumentReading[Any]) -> Json:
    if not reading.violations:
        return {"index": 0, "outdated": False}
    told = ", ".join(each.as_constraint() for each in reading.violations)
    violations = [
        {name: value for name, value in msgspec.to_builtins(part).items() if value is not None}
        for part in parts_of(reading.violations)
    ]
    return {"index": 0, "outdated": False, "constraints": told, "violations": violations}


@get("/dashboards/{dashboard_id:str}")
async def one(dashboard_id: FromPath[str], site: GivenSite) -> Json:
    """One dashboard."""
    return (await _gallery(site).need(dashboard_id)).shape


@put("/dashboards/{dashboard_id:str}")
async def update(request: Request[Any, Any, Any], dashboard_id: FromPath[str], site: GivenSite) -> Json:
    """Keep another text of a dashboard."""
    site.guard.must(Action.UPDATE, EVERYWHERE)
    return (await _gallery(site).update(dashboard_id, await source_of(request), site.now())).shape


@delete("/dashboards/{dashboard_id:str}", status_code=204)
async def remove(dashboard_id: FromPath[str], site: GivenSite) -> None:
    """Remove a dashboard."""
    site.guard.must(Action.DELETE, EVERYWHERE)
    await _gallery(site).delete(dashboard_id)


@post("/dashboards/{dashboard_id:str}/charts/{chart_id:str}")
async def chart_rows(
    request: Request[Any, Any, Any], dashboard_id: FromPath[str], chart_id: FromPath[str], site: GivenSite
) -> Json:
    """The rows of a chart."""
    dashboard = (await _gallery(site).need(dashboard_id)).definition
    return await charts.rows(site, _named(dashboard.charts, chart_id), await _overrides(request), dashboard)


def _named(found: tuple[Chart, ...], chart_id: str) -> Chart:
    for chart in found:
        if chart.id == chart_id:
            return chart
    raise NotFound(f"there is no chart `{chart_id}` in the dashboard")


async def _overrides(request: Request[Any, Any, Any]) -> Overrides:
    if not await request.body():
        return Overrides()
    sent: Overrides = await forms.json(request, Overrides)
    return sent


@post("/dashboards/charts/preview")
async def preview(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """The rows of a chart that is not kept."""
    chart, asked = await _previewed(request)
    return await charts.rows(site, chart, asked)


async def _previewed(request: Request[Any, Any, Any]) -> tuple[Chart, Overrides]:
    sent = await forms.json(request, PreviewRequest)
    reading = dashboards.read_chart(sent.chart)
    if reading.result is None:
        raise Invalid(parts_of(reading.violations))
    return reading.result, sent.global_filter or Overrides()


@post(
    [
        "/dashboards/{dashboard_id:str}/charts/{chart_id:str}/export",
        "/dashboards/{dashboard_id:str}/charts/{chart_id:str}/export/to-csv",
    ]
)
async def export(
    request: Request[Any, Any, Any], dashboard_id: FromPath[str], chart_id: FromPath[str], site: GivenSite
) -> Response[str]:
    """The rows of a chart as a file."""
    dashboard = (await _gallery(site).need(dashboard_id)).definition
    chart = _named(dashboard.charts, chart_id)
    found = await charts.rows(site, chart, await _overrides(request), dashboard, all_pages=True)
    return _file(request, chart, found)


@post(["/dashboards/charts/export", "/dashboards/charts/export/to-csv"])
async def export_preview(request: Request[Any, Any, Any], site: GivenSite) -> Response[str]:
    """The rows of a chart that is not kept, as a file."""
    chart, asked = await _previewed(request)
    return _file(request, chart, await charts.rows(site, chart, asked, all_pages=True))


def _file(request: Request[Any, Any, Any], chart: Chart, found: Json) -> Response[str]:
    kind = (query.of(request).text("format") or "csv").lower()
    if kind != "csv":
        raise query.BadQuery(f"`format` cannot be `{kind}`", where="format", mend="csv")
    assert chart.data is not None
    keys = list(chart.data.columns)
    rows = [[_cell(row.get(key)) for key in keys] for row in found["results"]]
    return table(f"{chart.id}.csv", keys, rows)


def _cell(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


ROUTES = [
    search,
    create,
    defaults,
    validate,
    validate_chart,
    one,
    update,
    remove,
    chart_rows,
    preview,
    export,
    export_preview,
]

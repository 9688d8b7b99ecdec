"""Measurements of task runs: of an execution, and over time of a flow (API spec §11)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Request
from litestar.params import FromPath

from batuta.errors import InvalidRequest
from batuta.model.flow import FlowKey
from batuta.model.records import Metric
from batuta.web import query, series
from batuta.web.access import Action
from batuta.web.routes import get
from batuta.web.shapes import records
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]
_COLUMNS = {"name": "name", "timestamp": "at", "value": "value"}
DEFAULT_SPAN = timedelta(days=30)


@get("/metrics/{execution_id:str}")
async def of_execution(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Measurements of an execution, in order of arrival unless told otherwise."""
    asked = query.of(request)
    page = query.paging(asked)
    found = await site.ports.store.metrics.of_execution(
        execution_id, task_run_id=asked.text("taskRunId"), task_id=asked.text("taskId")
    )
    for order in reversed(page.order):
        if order.column not in _COLUMNS:
            raise InvalidRequest(
                f"metrics cannot be sorted by `{order.column}`", where="sort", mend="name, timestamp or value"
            )
        found.sort(key=lambda entry: getattr(entry, _COLUMNS[order.column]), reverse=order.descending)
    shown = found[page.offset : page.offset + page.limit]
    return {"results": [records.metric(entry) for entry in shown], "total": len(found)}


@get("/metrics/names/{namespace:str}/{flow_id:str}")
async def names(namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite) -> list[str]:
    """Names of what the tasks of a flow have measured."""
    site.guard.must(Action.READ, namespace)
    return await site.ports.store.metrics.names(FlowKey(namespace, flow_id))


@get("/metrics/names/{namespace:str}/{flow_id:str}/{task_id:str}")
async def names_of_task(
    namespace: FromPath[str], flow_id: FromPath[str], task_id: FromPath[str], site: GivenSite
) -> list[str]:
    """Names of what one task of a flow has measured."""
    site.guard.must(Action.READ, namespace)
    return await site.ports.store.metrics.names(FlowKey(namespace, flow_id), task_id)


@get("/metrics/tasks/{namespace:str}/{flow_id:str}")
async def tasks(namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite) -> list[str]:
    """Tasks of a flow that have measured something."""
    site.guard.must(Action.READ, namespace)
    return await site.ports.store.metrics.tasks(FlowKey(namespace, flow_id))


@get("/metrics/aggregates/{namespace:str}/{flow_id:str}/{metric:str}")
async def aggregates(
    request: Request[Any, Any, Any],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    metric: FromPath[str],
    site: GivenSite,
) -> Json:
    """A metric of a flow over time, without gaps."""
    return await _aggregated(request, site, FlowKey(namespace, flow_id), metric, None)


@get("/metrics/aggregates/{namespace:str}/{flow_id:str}/{task_id:str}/{metric:str}")
async def aggregates_of_task(
    request: Request[Any, Any, Any],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    task_id: FromPath[str],
    metric: FromPath[str],
    site: GivenSite,
) -> Json:
    """A metric of one task of a flow over time, without gaps."""
    return await _aggregated(request, site, FlowKey(namespace, flow_id), metric, task_id)


async def _aggregated(
    request: Request[Any, Any, Any], site: Site, key: FlowKey, name: str, task_id: str | None
) -> Json:
    site.guard.must(Action.READ, key.namespace)
    asked = query.of(request)
    written = asked.text("aggregation") or "sum"
    aggregate = series.AGGREGATES.get(written.lower())
    if aggregate is None:
        raise InvalidRequest(
            f"`{written}` is not an aggregation", where="aggregation", mend=", ".join(series.AGGREGATES)
        )
    end = asked.instant("endDate") or site.now()
    start = asked.instant("startDate") or end - DEFAULT_SPAN
    if start > end:
        raise InvalidRequest("`startDate` is after `endDate`", where="startDate")
    step = series.step_for(end - start)
    found = await site.ports.store.metrics.of_flow(key, name, task_id=task_id)
    points = [(entry.at, _value(entry)) for entry in found if start <= entry.at <= end]
    return {
        "groupBy": step.value,
        "aggregations": [
            {"name": name, "date": at} if value is None else {"name": name, "value": value, "date": at}
            for at, value in series.aggregated(points, start, end, step, aggregate)
        ],
    }


def _value(entry: Metric) -> float:
    value: float = records.metric(entry)["value"]
    return value


ROUTES = [of_execution, names, names_of_task, tasks, aggregates, aggregates_of_task]

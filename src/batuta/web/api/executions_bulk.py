"""The same act on many executions: by their ids, or by a search (API spec §3.3)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response

from batuta import iso8601
from batuta.errors import InvalidRequest
from batuta.model.execution import Execution
from batuta.store.port import Criteria, Order, Search
from batuta.web import bulk, filters, forms, operations, query
from batuta.web.api.executions import removal_of
from batuta.web.routes import delete, get, post
from batuta.web.site import GivenSite, Site
from batuta.web.tables import table

Json = dict[str, Any]
PAGE = 1000


async def all_of(site: Site, criteria: Criteria) -> list[Execution]:
    """Every execution that fits, oldest first."""
    order = (Order("state.startDate"), Order("id"))
    found: list[Execution] = []
    while True:
        page = await site.ports.store.executions.search(
            Search(criteria=criteria, order=order, offset=len(found), limit=PAGE)
        )
        found += page.results
        if not page.results or len(found) >= page.total:
            return found


async def found_ids(request: Request[Any, Any, Any], site: Site) -> list[str]:
    """Ids of all executions that the filters of a request find."""
    criteria = filters.criteria_of_change(query.of(request), filters.EXECUTIONS, site.now())
    return [execution.id for execution in await all_of(site, criteria)]


@get("/executions/export/by-query/csv")
async def export_csv(request: Request[Any, Any, Any], site: GivenSite) -> Response[str]:
    """The executions that fit as a table."""
    criteria = filters.criteria(query.of(request), filters.EXECUTIONS, site.now())
    now = site.now()
    rows = (
        (
            each.id,
            each.namespace,
            each.flow_id,
            each.revision,
            each.state.current,
            iso8601.format_instant(each.state.started_at),
            None if each.state.ended_at is None else iso8601.format_instant(each.state.ended_at),
            iso8601.format_duration(each.state.duration(now)),
            ",".join(f"{label.key}:{label.value}" for label in each.labels),
        )
        for each in await all_of(site, criteria)
    )
    return table("executions.csv", _COLUMNS, rows)


_COLUMNS = (
    "id",
    "namespace",
    "flowId",
    "flowRevision",
    "state.current",
    "state.startDate",
    "state.endDate",
    "state.duration",
    "labels",
)


def _acts(method: Any, path: str, operation: operations.Operation) -> list[Any]:
    """Both routes of an act that needs nothing but the executions."""

    async def by_ids(request: Request[Any, Any, Any], site: GivenSite) -> Json:
        ids = await forms.json(request, list[str])
        return bulk.done(await operations.perform_all(site, ids, operation))

    async def by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
        return bulk.done(await operations.perform_all(site, await found_ids(request, site), operation))

    by_ids.__doc__ = f"{operation.title.capitalize()} executions by their ids."
    by_query.__doc__ = f"{operation.title.capitalize()} every execution that fits."
    return [
        method(f"/executions/{path}/by-ids", status_code=202)(by_ids),
        method(f"/executions/{path}/by-query", status_code=202)(by_query),
    ]


class LabelsForIds(msgspec.Struct, rename="camel"):
    """Which executions get which labels. Clients disagree about the first name."""

    execution_labels: list[Any]
    executions_id: list[str] | None = None
    execution_ids: list[str] | None = None


@post("/executions/labels/by-ids", status_code=202)
async def label_by_ids(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Add labels to executions by their ids."""
    asked = await forms.json(request, LabelsForIds)
    ids = asked.executions_id if asked.executions_id is not None else asked.execution_ids
    if ids is None:
        raise InvalidRequest("the body lacks `executionsId`, the list of ids", where="executionsId")
    operation = operations.set_labels(operations.labels_of(asked.execution_labels))
    return bulk.done(await operations.perform_all(site, ids, operation))


@post("/executions/labels/by-query", status_code=202)
async def label_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Add labels to every execution that fits."""
    labels = operations.labels_of(await forms.json(request, list[Any]))
    ids = await found_ids(request, site)
    return bulk.done(await operations.perform_all(site, ids, operations.set_labels(labels)))


@delete("/executions/by-ids")
async def remove_by_ids(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Delete executions by their ids."""
    ids = await forms.json(request, list[str])
    return {"count": await operations.remove_all(site, ids, removal_of(query.of(request)))}


@delete("/executions/by-query")
async def remove_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Delete every execution that fits."""
    ids = await found_ids(request, site)
    return {"count": await operations.remove_all(site, ids, removal_of(query.of(request)))}


ROUTES = [
    export_csv,
    *_acts(delete, "kill", operations.KILL_MANY),
    *_acts(post, "restart", operations.RESTART),
    *_acts(post, "pause", operations.PAUSE),
    *_acts(post, "resume", operations.resume()),
    *_acts(post, "force-run", operations.FORCE_RUN),
    label_by_ids,
    label_by_query,
    remove_by_ids,
    remove_by_query,
]

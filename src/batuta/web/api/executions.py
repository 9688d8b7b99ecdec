"""Executions: create, read, follow, search, act (API spec §8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import msgspec
from litestar import Request, Response
from litestar.params import FromPath
from litestar.response import Stream

from batuta import iso8601
from batuta.model.execution import Execution
from batuta.model.flow import FlowKey
from batuta.model.state import State
from batuta.store.port import AllOf, AnyOf, Condition, Criteria, Order, Search
from batuta.web import filters, forms, operations, query, replaying, resuming, snapshots, starting, stream
from batuta.web.access import Action
from batuta.web.routes import Decorator, delete, get, post
from batuta.web.shapes import execution as shape
from batuta.web.shapes import flow as flow_shape
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]
MOST_AVERAGED = 100
"""The newest executions of a flow of which the average is made."""
_NEWEST_FIRST = (Order("state.startDate", descending=True),)


@post(["/executions/{namespace:str}/{flow_id:str}", "/executions/trigger/{namespace:str}/{flow_id:str}"])
async def create(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Response[bytes]:
    """Start an execution of a flow."""
    order = starting.order_of(query.of(request))
    flow = await starting.startable(site, FlowKey(namespace, flow_id), order.revision)
    with await forms.form(request) as form:
        execution = await starting.start(site, flow, order, form)
    runs = await site.ports.store.executions.task_runs(execution.id) if order.wait else ()
    body = shape.created(*await site.filled(execution, runs), site.now(), site.settings.base_url)
    return Response(msgspec.json.encode(body), media_type="application/json")


@post("/executions/{namespace:str}/{flow_id:str}/validate")
async def validate(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Json:
    """Say what would become of inputs; nothing is stored."""
    order = starting.order_of(query.of(request))
    flow = await starting.startable(site, FlowKey(namespace, flow_id), order.revision)
    with await forms.form(request) as form:
        given, uploads = starting.sorted_out(flow.inputs, form)
    given |= starting.planned(flow, flow.inputs, uploads, "validation")
    resolution = await starting.resolve(site, flow, flow.inputs, given)
    documents = {each.get("id", each.get("name")): each for each in flow.document.get("inputs") or ()}
    return {
        "id": flow.id,
        "namespace": flow.namespace,
        "inputs": [shape.resolved_input(each, documents) for each in resolution.inputs],
        "checks": [
            {"message": each.message, "style": each.style, "behavior": each.behavior}
            for each in await starting.failed_checks(site, flow, dict(resolution.values))
        ],
    }


@get("/executions/{execution_id:str}")
async def read(execution_id: FromPath[str], site: GivenSite) -> Json:
    """One execution with its task runs."""
    execution = await site.need_execution(execution_id)
    site.guard.must(Action.READ, execution.namespace)
    return await full(site, execution)


async def full(site: Site, execution: Execution) -> Json:
    """An execution with its task runs."""
    runs = await site.ports.store.executions.task_runs(execution.id)
    return shape.full(*await site.filled(execution, runs), site.now())


async def restarted(site: Site, execution: Execution) -> Json:
    """An execution that was set on its way again, as it was then."""
    runs = await site.ports.store.executions.task_runs(execution.id)
    execution, runs = snapshots.as_restarted(execution, runs)
    return shape.full(*await site.filled(execution, runs), site.now())


@get("/executions/search")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Executions that fit, newest first unless told otherwise."""
    asked = query.of(request)
    page = query.paging(asked)
    criteria = _dated(filters.criteria(asked, filters.EXECUTIONS, site.now()), asked.text("dateFilter"))
    return await _page(
        site,
        Search(criteria=criteria, order=page.order or _NEWEST_FIRST, offset=page.offset, limit=page.limit),
        with_runs=asked.flag("taskRuns"),
    )


@get("/executions")
async def of_flow(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Executions of one flow."""
    asked = query.of(request)
    page = query.paging(asked)
    criteria = AllOf(
        (
            Condition("namespace", "EQUALS", asked.need("namespace")),
            Condition("flowId", "EQUALS", asked.need("flowId")),
        )
    )
    return await _page(
        site,
        Search(criteria=criteria, order=page.order or _NEWEST_FIRST, offset=page.offset, limit=page.limit),
    )


async def _page(site: Site, search: Search, *, with_runs: bool = False) -> Json:
    page = await site.ports.store.executions.search(search)
    now = site.now()
    if with_runs:
        return {"results": [await full(site, each) for each in page.results], "total": page.total}
    return {"results": [shape.light(each, now) for each in page.results], "total": page.total}


def _dated(criteria: Criteria, date_filter: str | None) -> Criteria:
    """Bounds in time move to the column that `dateFilter` names."""
    match date_filter:
        case None:
            return criteria
        case "START_DATE":
            return _with_dates(criteria, "startDate")
        case "END_DATE":
            return _with_dates(criteria, "endDate")
        case "START_OR_END_DATE":
            return AnyOf((_with_dates(criteria, "startDate"), _with_dates(criteria, "endDate")))
    raise query.BadQuery(
        f"`dateFilter` cannot be `{date_filter}`",
        where="dateFilter",
        mend="START_DATE, END_DATE or START_OR_END_DATE",
    )


def _with_dates(criteria: Criteria, column: str) -> Criteria:
    match criteria:
        case Condition(field=field) if field in ("startDate", "endDate"):
            return Condition(column, criteria.operation, criteria.value)
        case Condition():
            return criteria
        case _:
            return type(criteria)(tuple(_with_dates(part, column) for part in criteria.parts))


class FlowName(msgspec.Struct):
    """A flow in a body."""

    namespace: str
    id: str


@post("/executions/latest")
async def latest(request: Request[Any, Any, Any], site: GivenSite) -> list[Json]:
    """The last execution of each of some flows."""
    names = await forms.json(request, list[FlowName])
    found = await site.ports.store.executions.latest([FlowKey(name.namespace, name.id) for name in names])
    return [shape.latest(execution) for execution in found]


@get("/executions/distinct-field-values")
async def distinct(request: Request[Any, Any, Any], site: GivenSite) -> list[str]:
    """Values of a field that occur."""
    asked = query.of(request)
    field = asked.need("field")
    return await site.ports.store.executions.distinct(field, asked.number("size", least=1) or 100)


@get("/executions/{execution_id:str}/follow")
async def follow(execution_id: FromPath[str], site: GivenSite) -> Stream:
    """An execution as it changes, until nothing more will happen."""
    execution = await stream.appeared(site, execution_id)
    site.guard.must(Action.READ, execution.namespace)
    return stream.response(stream.execution_events(site, execution_id))


@get("/executions/{execution_id:str}/flow")
async def flow_of(execution_id: FromPath[str], site: GivenSite) -> Json:
    """The flow of an execution, reduced."""
    execution = await site.need_execution(execution_id)
    return flow_shape.for_execution(
        site.parsed(await site.need_revision(execution.flow_key, execution.revision))
    )


@get("/executions/flows/{namespace:str}/{flow_id:str}")
async def startable_flow(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Json:
    """A flow that may be started, reduced."""
    key = FlowKey(namespace, flow_id)
    revision = query.of(request).number("revision", least=1)
    found = await site.need_latest(key) if revision is None else await site.need_revision(key, revision)
    return flow_shape.for_execution(site.parsed(found))


@get("/executions/namespaces")
async def namespaces(site: GivenSite) -> list[str]:
    """Namespaces with flows that may be started."""
    return await site.ports.store.flows.namespaces()


@get("/executions/namespaces/{namespace:str}/flows")
async def flows_of_namespace(namespace: FromPath[str], site: GivenSite) -> list[Json]:
    """Flows of a namespace that may be started, reduced."""
    page = await site.ports.store.flows.search(
        Search(
            criteria=Condition("namespace", "EQUALS", namespace),
            order=(Order("id"),),
            limit=query.MOST_PAGE_SIZE,
        )
    )
    return [
        flow_shape.for_execution(site.parsed(each))
        for each in page.results
        if not each.disabled and not each.draft
    ]


@get("/executions/namespaces/{namespace:str}/flows/{flow_id:str}/average-duration")
async def average_duration(namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite) -> Json:
    """How long the last executions of a flow took that ended well."""
    well = Condition("state", "IN", [State.SUCCESS.value, State.WARNING.value])
    of_flow = (Condition("namespace", "EQUALS", namespace), Condition("flowId", "EQUALS", flow_id))
    page = await site.ports.store.executions.search(
        Search(criteria=AllOf((*of_flow, well)), order=_NEWEST_FIRST, limit=MOST_AVERAGED)
    )
    now = site.now()
    taken = [each.state.duration(now) for each in page.results]
    if not taken:
        return {"count": 0}
    return {
        "averageDuration": iso8601.format_duration(sum(taken, timedelta()) / len(taken)),
        "count": len(taken),
    }


# Actions. The paths of 2.0 have `actions` in them, the older ones have not.


def actions(method: Any, action: str) -> Decorator:
    """A route for an act on one execution, under both its paths."""
    return cast(
        Decorator,
        method(
            [
                f"/executions/{{execution_id:str}}/{action}",
                f"/executions/{{execution_id:str}}/actions/{action}",
            ]
        ),
    )


async def _perform(site: Site, execution_id: str, operation: operations.Operation) -> Json:
    execution = await site.need_execution(execution_id)
    return await full(site, await operations.perform(site, execution, operation))


@actions(delete, "kill")
async def kill(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Stop an execution."""
    cascade = query.of(request).flag("isOnKillCascade", default=True)
    return await _perform(site, execution_id, operations.kill(cascade=cascade))


@actions(post, "restart")
async def restart(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Try again what failed."""
    execution = await site.need_execution(execution_id)
    revision = query.of(request).number("revision", least=1)
    if revision is not None:
        await site.need_revision(execution.flow_key, revision)
    await operations.check_restart(site, execution)
    if revision is not None and revision != execution.revision:
        return await restarted(site, await replaying.restart_with_revision(site, execution, revision))
    return await restarted(site, await operations.perform(site, execution, operations.RESTART))


@actions(post, "pause")
async def pause(execution_id: FromPath[str], site: GivenSite) -> Json:
    """Let nothing new start."""
    return await _perform(site, execution_id, operations.PAUSE)


@actions(post, "force-run")
async def force_run(execution_id: FromPath[str], site: GivenSite) -> Json:
    """Let an execution go on whatever holds it."""
    execution = await site.need_execution(execution_id)
    if execution.state.current is State.PAUSED:
        return await full(site, await resuming.force(site, execution))
    return await full(site, await operations.perform(site, execution, operations.FORCE_RUN))


@actions(post, "resume")
async def resume(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Let a paused execution go on, with the inputs that its pause asks for."""
    execution = await site.need_execution(execution_id)
    waiting = await resuming.pause_of(site, execution)
    with await forms.form(request) as form:
        return await full(site, await resuming.resume(site, execution, waiting, form))


@actions(post, "resume/validate")
async def validate_resume(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> Json:
    """Say what would become of the inputs of a resume."""
    execution = await site.need_execution(execution_id)
    waiting = await resuming.pause_of(site, execution)
    with await forms.form(request) as form:
        resolution = await resuming.typed(site, execution, waiting, form, store=False)
    return {
        "id": execution.flow_id,
        "namespace": execution.namespace,
        "inputs": [shape.resolved_input(each, {}) for each in resolution.inputs],
        "checks": [],
    }


@actions(post, "labels")
async def set_labels(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Add labels to an execution that has ended."""
    labels = operations.labels_of(await forms.json(request, list[Any]))
    return await _perform(site, execution_id, operations.set_labels(labels))


@delete("/executions/{execution_id:str}", status_code=204)
async def remove(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> None:
    """Delete an execution that has ended, and what belongs to it."""
    execution = await site.need_execution(execution_id)
    await operations.remove(site, execution, removal_of(query.of(request)))


def removal_of(asked: query.Query) -> operations.Removal:
    """What shall go with an execution."""
    return operations.Removal(
        logs=asked.flag("deleteLogs", default=True),
        metrics=asked.flag("deleteMetrics", default=True),
        storage=asked.flag("deleteStorage", default=True),
        running_too=asked.flag("includeNonTerminated"),
    )


ROUTES = [
    average_duration,
    create,
    validate,
    read,
    search,
    of_flow,
    latest,
    distinct,
    follow,
    flow_of,
    startable_flow,
    namespaces,
    flows_of_namespace,
    kill,
    restart,
    pause,
    force_run,
    resume,
    validate_resume,
    set_labels,
    remove,
]

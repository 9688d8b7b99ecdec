"""Flows seen as graphs: their tasks, and what starts what (API spec §7)."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.params import FromPath

from batuta.errors import Conflict
from batuta.model.flow import Flow, FlowKey
from batuta.web import graphs, query, replaying, saving, stream, topology
from batuta.web.access import Action
from batuta.web.api.flows import source_of
from batuta.web.routes import get, post
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]


@get("/flows/{namespace:str}/{flow_id:str}/graph")
async def graph(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Json:
    """The graph of a stored flow."""
    asked = query.of(request)
    flow = await _flow(site, FlowKey(namespace, flow_id), asked.number("revision", least=1))
    return await graphs.of_flow(site, flow, asked.joined("subflows"))


async def _flow(site: Site, key: FlowKey, revision: int | None) -> Flow:
    found = await site.need_latest(key) if revision is None else await site.need_revision(key, revision)
    stored = site.parsed(found)
    if stored.flow is None:
        raise Conflict(f"Requested Flow is not valid: {stored.problem}", mend="mend the flow and save it")
    return stored.flow


@post("/flows/graph")
async def graph_of_source(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """The graph of a flow that is sent; nothing is stored."""
    flow = saving.read(await source_of(request)).flow
    return await graphs.of_flow(site, flow, query.of(request).joined("subflows"))


@get("/executions/{execution_id:str}/graph")
async def graph_of_execution(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> Json:
    """The graph of an execution, with its task runs."""
    execution = await site.need_execution(execution_id)
    site.guard.must(Action.READ, execution.namespace)
    flow = await replaying.flow_of(site, execution, None)
    return await graphs.of_execution(site, execution, flow, query.of(request).joined("subflows"))


@get("/flows/{namespace:str}/{flow_id:str}/dependencies")
async def dependencies(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Json:
    """Flows that this one starts, and those that start it."""
    asked = query.of(request)
    key = (await site.need_latest(FlowKey(namespace, flow_id))).key
    found = await topology.of_site(site)
    only_behind, every = asked.flag("destinationOnly"), asked.flag("expandAll")
    return topology.document(found.around(key, only_behind=only_behind, every=every))


@get("/namespaces/{namespace:str}/dependencies")
async def dependencies_of_namespace(namespace: FromPath[str], site: GivenSite) -> Json:
    """What the flows of a namespace start, and what starts them."""
    found = await topology.of_site(site)
    return topology.document(
        link for link in found.links if namespace in (link.source.namespace, link.target.namespace)
    )


@get("/executions/{execution_id:str}/follow-dependencies")
async def follow(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Any:
    """The states of an execution and of all that belong to it, until the last of them has ended."""
    asked = query.of(request)
    execution = await stream.appeared(site, execution_id)
    site.guard.must(Action.READ, execution.namespace)
    found = await topology.of_site(site)
    links = found.around(
        execution.flow_key, only_behind=asked.flag("destinationOnly"), every=asked.flag("expandAll")
    )
    keys = {execution.flow_key, *(key for link in links for key in (link.source, link.target))}
    return stream.response(stream.dependency_events(site, execution, keys))


ROUTES = [
    graph,
    graph_of_source,
    graph_of_execution,
    dependencies,
    dependencies_of_namespace,
    follow,
]

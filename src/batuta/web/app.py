"""The web application: every route, and what a request passes on its way. START HERE.

A request passes, outermost first: `front` (path without tenant, guard, headers), the router,
`front.decoded_segments`, the handler of `api/`. Errors on the way become a status and a body in `problem`,
nowhere else.
"""

from __future__ import annotations

from litestar import Litestar
from litestar.di import Provide

from batuta.engine.world import World
from batuta.ports import Ports
from batuta.settings.tree import Settings
from batuta.web import access, front, problem
from batuta.web.api import (
    concurrency,
    dashboards,
    executions,
    executions_bulk,
    executions_explain,
    executions_files,
    executions_operations,
    flows,
    flows_bulk,
    flows_graph,
    flows_source,
    kv,
    logs,
    metrics,
    misc,
    namespaces,
    namespaces_files,
    plugins,
    secrets,
    tests,
    triggers,
    triggers_backfills,
    triggers_bulk,
    triggers_explain,
    webhooks,
)
from batuta.web.site import Site

RESOURCES = [
    concurrency,
    flows,
    flows_bulk,
    flows_graph,
    flows_source,
    executions,
    executions_bulk,
    executions_explain,
    executions_files,
    executions_operations,
    logs,
    metrics,
    kv,
    namespaces,
    namespaces_files,
    plugins,
    secrets,
    dashboards,
    tests,
    triggers,
    triggers_backfills,
    triggers_bulk,
    triggers_explain,
    webhooks,
    misc,
]
"""Modules with a list `ROUTES`; the order has no meaning."""


def create_app(
    ports: Ports, settings: Settings, *, guard: access.Guard = access.OPEN, world: World | None = None
) -> front.Front:
    """The ASGI application of one web service.

    `world` is what expressions are told about this installation when somebody evaluates one.
    """
    site = Site(ports, settings, guard, world)
    routes = [route for resource in RESOURCES for route in resource.ROUTES]
    router = Litestar(
        route_handlers=[*routes, *misc.ROOT_ROUTES],
        dependencies={"site": Provide(lambda: site, sync_to_thread=False, use_cache=True)},
        middleware=[front.decoded_segments],
        exception_handlers=problem.HANDLERS,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        signature_types=[Site],
    )
    return front.Front(router, guard)

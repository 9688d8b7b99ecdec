"""Log lines: list, search, download, follow, delete (API spec §10)."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.params import FromPath
from litestar.response import Stream

from batuta.model.task import LogLevel
from batuta.store.port import AllOf, Condition, Search
from batuta.web import filters, query, stream
from batuta.web.access import Action
from batuta.web.downloads import attachment
from batuta.web.routes import delete, get, nothing
from batuta.web.shapes import records
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]


@get("/logs/search")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Lines of all executions that fit."""
    asked = query.of(request)
    page = query.paging(asked)
    found = await site.ports.store.logs.search(
        Search(
            criteria=filters.criteria(asked, filters.LOGS, site.now()),
            order=page.order,
            offset=page.offset,
            limit=page.limit,
        )
    )
    return {
        "type": "OFFSET",
        "results": [records.log_line(line) for line in found.results],
        "total": found.total,
    }


def wanted(asked: query.Query) -> stream.LogFilter:
    """Which lines of an execution are asked for: flat parameters, or the filters of the same names."""

    def value(flat: str, field: str) -> str | None:
        return asked.text(flat) or asked.text(f"filters[{field}][EQUALS]")

    level = value("minLevel", "level") or asked.text("level")
    attempt = value("attempt", "attemptNumber")
    if attempt is not None and not attempt.isdigit():
        raise query.BadQuery(f"`attempt` must be a whole number, not `{attempt}`", where="attempt")
    return stream.LogFilter(
        least=LogLevel.TRACE if level is None else query.one_of(level, LogLevel, "minLevel"),
        task_run_id=value("taskRunId", "taskRunId"),
        task_id=value("taskId", "taskId"),
        attempt=None if attempt is None else int(attempt),
    )


async def _lines(request: Request[Any, Any, Any], execution_id: str, site: Site) -> list[Any]:
    asked = wanted(query.of(request))
    return await site.ports.store.logs.of_execution(
        execution_id,
        least=asked.least,
        task_run_id=asked.task_run_id,
        task_id=asked.task_id,
        attempt=asked.attempt,
    )


@get("/logs/{execution_id:str}")
async def of_execution(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> list[Json]:
    """Every line of an execution, oldest first."""
    return [records.log_line(stored.line) for stored in await _lines(request, execution_id, site)]


@get("/logs/{execution_id:str}/download")
async def download(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> Response[str]:
    """The same as text."""
    execution = await site.need_execution(execution_id)
    site.guard.must(Action.READ, execution.namespace)
    text = "".join(records.log_text(stored.line) for stored in await _lines(request, execution_id, site))
    headers = attachment(f"{execution_id}.log")
    if not execution.settled:
        headers["Cache-Control"] = "no-cache"
    return Response(text, media_type="text/plain", headers=headers)


@get("/logs/{execution_id:str}/follow")
async def follow(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Stream:
    """A log as it grows, until nothing more can come."""
    asked = wanted(query.of(request))
    await stream.appeared(site, execution_id)
    return stream.response(stream.log_events(site, execution_id, asked))


@delete("/logs/{execution_id:str}")
async def remove(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> Response[bytes]:
    """Remove lines of an execution."""
    asked = wanted(query.of(request))
    execution = await site.ports.store.executions.get(execution_id)
    if execution is not None:
        site.guard.must(Action.DELETE, execution.namespace)
    await site.ports.store.logs.delete(
        execution_id,
        least=asked.least,
        task_run_id=asked.task_run_id,
        task_id=asked.task_id,
        attempt=asked.attempt,
    )
    return nothing()


@delete("/logs/{namespace:str}/{flow_id:str}")
async def remove_of_trigger(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Response[bytes]:
    """Remove what a trigger of a flow has logged."""
    site.guard.must(Action.DELETE, namespace)
    trigger_id = query.of(request).need("triggerId")
    wanted = (("namespace", namespace), ("flowId", flow_id), ("triggerId", trigger_id))
    await site.ports.store.logs.purge(
        AllOf(tuple(Condition(field, "EQUALS", text) for field, text in wanted))
    )
    return nothing()


ROUTES = [search, of_execution, download, follow, remove, remove_of_trigger]

"""Measurements of task runs (API spec §11)."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.params import FromPath

from batuta.errors import InvalidRequest
from batuta.web import query
from batuta.web.routes import get
from batuta.web.shapes import records
from batuta.web.site import GivenSite

Json = dict[str, Any]
_COLUMNS = {"name": "name", "timestamp": "at", "value": "value"}


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


ROUTES = [of_execution]

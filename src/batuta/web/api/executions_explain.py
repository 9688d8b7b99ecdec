"""Why an execution has not ended."""

from __future__ import annotations

from typing import Any

from litestar.params import FromPath

from batuta.web import explaining
from batuta.web.access import Action
from batuta.web.evidence import Gathering
from batuta.web.routes import get
from batuta.web.site import GivenSite

Json = dict[str, Any]


@get("/executions/{execution_id:str}/explain")
async def explain(execution_id: FromPath[str], site: GivenSite) -> Json:
    """What an execution waits for, what that waits for, and what moves it."""
    execution = await site.need_execution(execution_id)
    site.guard.must(Action.READ, execution.namespace)
    found = await Gathering(site).of(execution)
    return explaining.document(explaining.explained(found, site.now(), site.settings.worker_slots))


ROUTES = [explain]

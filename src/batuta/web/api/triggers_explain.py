"""Why a trigger starts nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from litestar.params import FromPath

from batuta.model.trigger import TriggerKey
from batuta.web import trigger_causes
from batuta.web.access import Action
from batuta.web.routes import get
from batuta.web.site import GivenSite
from batuta.web.trigger_evidence import evidence_of

Json = dict[str, Any]


@get("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}/explain")
async def explain(
    namespace: FromPath[str], flow_id: FromPath[str], trigger_id: FromPath[str], site: GivenSite
) -> Json:
    """What a trigger waits for, what that waits for, and what moves it."""
    site.guard.must(Action.READ, namespace)
    found = await evidence_of(site, TriggerKey(namespace, flow_id, trigger_id))
    told = trigger_causes.explained(found, site.now(), site.settings.worker_slots)
    shown: Json = msgspec.to_builtins(told, builtin_types=(datetime,))
    return shown


ROUTES = [explain]

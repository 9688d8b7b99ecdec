"""What is known of a trigger, read from the store: its record, its flow, what it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batuta.errors import NotFound
from batuta.firing.rules import kind_of
from batuta.model.flow import TriggerDefinition
from batuta.model.trigger import TriggerKey, Window
from batuta.plugin import registry
from batuta.web.evidence import Gathering
from batuta.web.site import Site
from batuta.web.trigger_causes import TriggerEvidence


async def evidence_of(site: Site, key: TriggerKey) -> TriggerEvidence:
    """All that is known of a trigger.

    Raises:
        NotFound: there is no such trigger.
    """
    store = site.ports.store
    found = TriggerEvidence(key=key, record=await store.triggers.get(key))
    stored = await store.flows.latest(key.flow)
    flow = None if stored is None or stored.deleted else site.parsed(stored).flow
    found.draft = stored is not None and stored.draft
    if flow is not None:
        found.flow_disabled = flow.disabled
        found.definition = next((each for each in flow.triggers if each.id == key.trigger_id), None)
    if found.definition is not None:
        found.type = registry.canonical(found.definition.type) or found.definition.type
    if found.record is None:
        if found.definition is None or kind_of(found.definition) is not None:
            raise NotFound(f"there is no trigger `{key.trigger_id}` of the flow {key.flow}")
        found.conditions = dict(_conditions(found.definition))
        found.window = await _window(site, found.definition, key)
        return found
    if found.record.evaluating_since is not None:
        found.job = await store.triggers.job(key)
    if found.record.execution_id is not None:
        holder = await store.executions.get(found.record.execution_id)
        found.holder = None if holder is None else await Gathering(site).of(holder)
    return found


def _conditions(definition: TriggerDefinition) -> Iterator[tuple[str, str]]:
    """The preconditions of a trigger, as far as they can be told without rendering them."""
    asked = definition.properties.get("preconditions")
    if not isinstance(asked, dict):
        return
    for place, flow in enumerate(asked.get("flows") or ()):
        yield f"flow:{place}", f"the flow {flow.get('namespace')}.{flow.get('flowId') or '*'}"
    for where in asked.get("where") or ():
        yield f"where:{where.get('id')}", f"the condition `{where.get('id')}`"


async def _window(site: Site, definition: TriggerDefinition, key: TriggerKey) -> Window | None:
    asked: Any = definition.properties.get("preconditions")
    if not isinstance(asked, dict) or not isinstance(asked.get("id"), str):
        return None
    window = await site.ports.store.triggers.window(key.flow, asked["id"])
    return None if window is None or window.end < site.now() or window.fired else window

"""Which flow starts which: through Subflow tasks, and through triggers that react to executions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from batuta.model.flow import TENANT, Flow, FlowKey, TriggerDefinition
from batuta.store.port import AllOf, Order, Search
from batuta.web.site import Site

Json = dict[str, Any]

_FLOW_TRIGGER = "io.kestra.plugin.core.trigger.Flow"
_CONDITION = "io.kestra.plugin.core.condition."
_PAGE = 1000


class Relation(StrEnum):
    """How one flow starts another."""

    TASK = "FLOW_TASK"
    TRIGGER = "FLOW_TRIGGER"


class Link(msgspec.Struct, frozen=True):
    """One flow starts another."""

    source: FlowKey
    target: FlowKey
    relation: Relation


class Topology:
    """All flows and their links."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        found = list(flows)
        self.flows = {flow.key for flow in found}
        self.links = tuple(dict.fromkeys(link for flow in found for link in self._links_of(flow)))

    def _links_of(self, flow: Flow) -> Iterator[Link]:
        for task in flow.walk():
            called = _key(task.properties.get("namespace"), task.properties.get("flowId"))
            if called is not None:
                yield Link(flow.key, called, Relation.TASK)
        for trigger in flow.triggers:
            if trigger.type == _FLOW_TRIGGER:
                for source in self._sources(trigger):
                    if source != flow.key:
                        yield Link(source, flow.key, Relation.TRIGGER)

    def _sources(self, trigger: TriggerDefinition) -> Iterator[FlowKey]:
        """The flows to which a trigger reacts, as far as its text names them."""
        preconditions = trigger.properties.get("preconditions") or {}
        named = list(preconditions.get("flows") or ()) if isinstance(preconditions, dict) else []
        named += _conditions(trigger.properties.get("conditions"))
        for each in named:
            namespace, flow_id = each.get("namespace"), each.get("flowId")
            if flow_id is not None:
                key = _key(namespace, flow_id)
                if key is not None:
                    yield key
            elif isinstance(namespace, str):
                yield from (key for key in sorted(self.flows, key=str) if key.namespace == namespace)

    def around(self, key: FlowKey, *, only_behind: bool = False, every: bool = False) -> list[Link]:
        """The links of a flow: those behind it and, unless told otherwise, those before it; with `every` also
        those of the flows that are found."""
        found: dict[Link, None] = {}
        seen, waiting = {key}, [key]
        while waiting:
            here = waiting.pop()
            for link in self.links:
                if link.source == here:
                    other = link.target
                elif link.target == here and not only_behind:
                    other = link.source
                else:
                    continue
                found[link] = None
                if every and other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return list(found)


def _key(namespace: Any, flow_id: Any) -> FlowKey | None:
    if not isinstance(namespace, str) or not isinstance(flow_id, str) or "{{" in namespace + flow_id:
        return None
    return FlowKey(namespace, flow_id)


def _conditions(written: Any) -> list[Json]:
    """Conditions that name a flow or a namespace, also those inside of others."""
    items = written.values() if isinstance(written, dict) else written or ()
    found: list[Json] = []
    for each in items:
        if not isinstance(each, dict):
            continue
        kind = str(each.get("type", "")).removeprefix(_CONDITION).removesuffix("Condition")
        if kind in ("ExecutionFlow", "ExecutionNamespace") and not each.get("prefix"):
            found.append(each)
        elif kind != "Not":
            found += _conditions(each.get("conditions"))
    return found


async def of_site(site: Site) -> Topology:
    """The topology of all flows of a site; those that cannot be read are left out."""
    found: list[Flow] = []
    offset = 0
    while True:
        page = await site.ports.store.flows.search(
            Search(criteria=AllOf(), order=(Order("namespace"), Order("id")), offset=offset, limit=_PAGE)
        )
        found += [flow for each in page.results if (flow := site.parsed(each).flow) is not None]
        offset += len(page.results)
        if not page.results or offset >= page.total:
            return Topology(found)


def document(links: Iterable[Link]) -> Json:
    """Links as the contract has them."""
    nodes: dict[str, Json] = {}
    edges = []
    for link in links:
        for key in (link.source, link.target):
            uid = _uid(key)
            nodes[uid] = {"uid": uid, "tenantId": TENANT, "namespace": key.namespace, "id": key.id}
        edges.append({"source": _uid(link.source), "target": _uid(link.target), "relation": link.relation})
    return {"nodes": list(nodes.values()), "edges": edges}


def _uid(key: FlowKey) -> str:
    return f"{TENANT}_{key.namespace}_{key.id}"

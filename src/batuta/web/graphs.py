"""Graphs of flows and executions: what they are drawn from, read from the store (API spec §7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from batuta.model.execution import Execution
from batuta.model.flow import Flow, FlowKey
from batuta.model.task import Task
from batuta.model.trigger import TriggerRecord
from batuta.web.shapes import execution as execution_shape
from batuta.web.shapes import flow as flow_shape
from batuta.web.shapes import trigger as trigger_shape
from batuta.web.shapes.graph import Graph
from batuta.web.site import Site

Json = dict[str, Any]

MOST_EXPANDED = 50
"""Subflow tasks of which the flow may be drawn at once."""


async def of_flow(site: Site, flow: Flow, expand: Sequence[str] = ()) -> Json:
    """The graph of a flow; `expand` are uids of Subflow tasks in whose place their flow is drawn."""
    records = {each.trigger_id: each for each in await site.ports.store.triggers.of_flow(flow.key)}
    written = flow_shape.written_tasks(flow)
    children = await _children(site, flow, expand)
    for child in children.values():
        written = {**flow_shape.written_tasks(child), **written}
    graph = Graph(lambda task: written.get(task.id) or _invented(task), children=children)
    graph.flow(flow, _triggers(flow, records, site))
    return graph.document()


def _triggers(flow: Flow, records: Mapping[str, TriggerRecord], site: Site) -> Iterable[Json]:
    for each in flow.document.get("triggers") or ():
        found: Json = {"triggerDeclaration": each}
        record = records.get(str(each.get("id")))
        if record is not None:
            found["trigger"] = trigger_shape.state(record)
        yield found


async def of_execution(site: Site, execution: Execution, flow: Flow, expand: Sequence[str] = ()) -> Json:
    """The graph of an execution: its tasks with their task runs."""
    now = site.now()
    runs = {
        (run.task_id, run.value): execution_shape.task_run(run, execution, now)
        for run in await site.ports.store.executions.task_runs(execution.id)
    }
    graph = Graph(_reduced, runs, await _children(site, flow, expand))
    graph.flow(flow)
    return graph.document()


def _reduced(task: Task) -> Json:
    shape: Json = {"id": task.id, "type": task.type}
    named = _named(task)
    if named is not None:
        shape["subflowId"] = {"namespace": named.namespace, "flowId": named.id}
    return shape


def _invented(task: Task) -> Json:
    """A task that stands in no document: a part of one that is short for several."""
    return {"id": task.id, "type": task.type, **task.properties}


def _named(task: Task) -> FlowKey | None:
    """The flow that a Subflow runs, as far as its text says so."""
    namespace, flow_id = task.properties.get("namespace"), task.properties.get("flowId")
    if not isinstance(namespace, str) or not isinstance(flow_id, str) or "{{" in namespace + flow_id:
        return None
    return FlowKey(namespace, flow_id)


async def _children(site: Site, flow: Flow, expand: Sequence[str]) -> dict[str, Flow]:
    found: dict[str, Flow] = {}
    for uid in sorted(expand, key=len)[:MOST_EXPANDED]:
        # The task may stand in a flow that is drawn in place of another task.
        around = [child for name, child in found.items() if uid.startswith(f"{name}.")]
        tasks = [task for each in (flow, *around) for task in each.walk()]
        task = next((each for each in tasks if uid.rpartition(".")[2] == each.id), None)
        key = None if task is None else _named(task)
        stored = None if key is None else await site.ports.store.flows.latest(key)
        child = None if stored is None or stored.deleted else site.parsed(stored).flow
        if child is not None:
            found[uid] = child
    return found

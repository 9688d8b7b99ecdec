"""The graph of a flow, or of an execution, as front ends draw it (API spec §7.1).

Every task is a node. A task around others is a cluster: it begins with a root, then comes the task itself,
then its children, and all ways through it meet in its end. Edges say how one node follows on another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from batuta import ids
from batuta.engine.outline import branches_of
from batuta.model.flow import Flow
from batuta.model.task import Task

Json = dict[str, Any]

_HIERARCHY = "io.kestra.core.models.hierarchies."
_FLOW = "io.kestra.plugin.core.flow."
_SUBFLOWS = (f"{_FLOW}Subflow", f"{_FLOW}ForEachItem$ForEachItemExecutable")
_SIDE_BY_SIDE = (f"{_FLOW}Parallel", f"{_FLOW}Dag", f"{_FLOW}EachParallel")
_DYNAMIC = tuple(
    _FLOW + name for name in ("ForEach", "EachSequential", "EachParallel", "ForEachItem", "Loop")
)
_CHOICES = (f"{_FLOW}If", f"{_FLOW}Switch", f"{_FLOW}Approval")
_HANDLERS = {"errors": "ERROR", "finally": "FINALLY", "afterExecution": "AFTER_EXECUTION"}

Shown = Callable[[Task], Json]


class Inside(msgspec.Struct, frozen=True):
    """Where nodes are being added."""

    path: str
    """The beginning of their uids."""
    clusters: tuple[str, ...] = ()
    """The clusters around them, outermost first."""
    branch: str | None = None
    """ERROR, FINALLY or AFTER_EXECUTION where they belong to such a list."""
    value: str | None = None
    """The element of the innermost loop, in the graph of an execution."""


class Graph:
    """A graph in the making.

    Args:
        shown: what is shown of a task.
        runs: task runs in their shape by task id and value, for the graph of an execution.
        children: flows whose Subflow tasks are drawn as the flow itself, by uid of the task.
    """

    def __init__(
        self,
        shown: Shown,
        runs: Mapping[tuple[str, str | None], Json] | None = None,
        children: Mapping[str, Flow] | None = None,
    ) -> None:
        self._shown = shown
        self._runs = runs
        self._children = children or {}
        self._nodes: list[Json] = []
        self._edges: list[Json] = []
        self._clusters: list[Json] = []
        self._by_uid: dict[str, Json] = {}
        self._flowables: list[str] = []

    def document(self) -> Json:
        """The graph as the contract has it."""
        return {
            "nodes": self._nodes,
            "edges": self._edges,
            "clusters": self._clusters,
            "flowables": self._flowables,
        }

    def flow(self, flow: Flow, triggers: Iterable[Json] = ()) -> None:
        """Draw a flow: its triggers, its tasks, its handlers."""
        inside = Inside("root")
        root = self._node(inside, f"root.{ids.random_id()}", "GraphClusterRoot")
        end = self._node(inside, f"root.end.{ids.random_id()}", "GraphClusterEnd")
        self._triggers(list(triggers), root)
        handlers = {"errors": flow.errors, "finally": flow.finally_, "afterExecution": flow.after_execution}
        self._handled(
            inside, handlers, root, end, lambda target: self._sequence(inside, flow.tasks, root, target, {})
        )

    def _triggers(self, triggers: list[Json], root: str) -> None:
        if not triggers:
            return
        inside = Inside("root.Triggers", ("cluster_Triggers",))
        begin = self._node(inside, f"root.Triggers.{ids.random_id()}", "GraphClusterRoot")
        end = self._node(inside, f"root.Triggers.end.{ids.random_id()}", "GraphClusterEnd")
        self._cluster("cluster_Triggers", "GraphCluster", None, None, (), begin, end)
        for each in triggers:
            uid = self._node(
                inside, f"root.Triggers.{each['triggerDeclaration']['id']}", "GraphTrigger", **each
            )
            self._edge(begin, uid)
            self._edge(uid, end)
        self._edge(end, root)

    # Lists of tasks

    def _handled(
        self,
        inside: Inside,
        handlers: Mapping[str, tuple[Task, ...]],
        root: str,
        end: str,
        draw: Callable[[str], None],
    ) -> None:
        """Draw what leads from `root` to an end, and the handlers beside and behind it."""
        if after := handlers.get("afterExecution"):
            marker = self._node(inside, f"{inside.path}.{ids.random_id()}", "GraphClusterAfterExecution")
            self._handler(inside, "afterExecution", after, marker, end)
            end = marker
        if cleanup := handlers.get("finally"):
            marker = self._node(inside, f"{inside.path}.{ids.random_id()}", "GraphClusterFinally")
            self._handler(inside, "finally", cleanup, marker, end)
            end = marker
        draw(end)
        if errors := handlers.get("errors"):
            self._handler(inside, "errors", errors, root, end)

    def _handler(self, inside: Inside, name: str, tasks: tuple[Task, ...], start: str, end: str) -> None:
        branch = _HANDLERS[name]
        within = msgspec.structs.replace(inside, branch=branch)
        self._sequence(within, tasks, start, end, {"relationType": branch})

    def _sequence(self, inside: Inside, tasks: tuple[Task, ...], start: str, end: str, first: Json) -> None:
        """One task after the other, from `start` to `end`."""
        relation, before = first, start
        for task in tasks:
            entry, leave = self._task(inside, task)
            self._edge(before, entry, relation)
            before, relation = leave, {"relationType": "SEQUENTIAL"}
        if tasks:
            self._edge(before, end)

    # One task

    def _task(self, inside: Inside, task: Task) -> tuple[str, str]:
        """Draw a task; gives the nodes at which it is entered and left."""
        uid = f"{inside.path}.{task.id}" + ("" if inside.value is None else f"_{inside.value}")
        branches = {name: tasks for name, tasks in branches_of(task).items() if name != "onPause"}
        if task.type == f"{_FLOW}Loop":
            branches = task.branches
        child = self._children.get(uid)
        if child is not None:
            return self._subflow(inside, task, uid, child)
        if not any(branches.values()):
            uid = self._task_node(inside, task, uid, "SEQUENTIAL")
            return uid, uid
        return self._block(inside, task, uid, branches)

    def _task_node(self, inside: Inside, task: Task, uid: str, relation: str) -> str:
        kind = "SubflowGraphTask" if task.type in _SUBFLOWS else "GraphTask"
        extra: Json = {"task": self._shown(task)}
        if self._runs is not None:
            run = self._runs.get((task.id, inside.value))
            if run is not None:
                extra["taskRun"] = run
            extra["values"] = [] if inside.value is None else [inside.value]
        return self._node(inside, uid, kind, **extra, relationType=relation)

    def _block(
        self, inside: Inside, task: Task, uid: str, branches: Mapping[str, tuple[Task, ...]]
    ) -> tuple[str, str]:
        """Draw a task around others as a cluster."""
        relation = _relation(task)
        name = f"cluster_{uid}"
        within = Inside(uid, (*inside.clusters, name), inside.branch)
        begin = self._node(within, f"{uid}.{ids.random_id()}", "GraphClusterRoot")
        end = self._node(within, f"{uid}.end.{ids.random_id()}", "GraphClusterEnd")
        self._flowables.append(task.id)
        around = msgspec.structs.replace(within, path=inside.path, value=inside.value)
        node = self._task_node(around, task, uid, relation)
        self._cluster(name, "GraphCluster", relation, self._nodes[-1], inside.clusters, begin, end)
        self._edge(begin, node)
        handlers = {key: tasks for key, tasks in branches.items() if key in _HANDLERS}
        mains = {key: tasks for key, tasks in branches.items() if key not in _HANDLERS}

        def draw(target: str) -> None:
            if task.type in _CHOICES:
                for key, tasks in mains.items():
                    choice = {"relationType": "CHOICE", "value": key.removeprefix("cases.")}
                    self._sequence(within, tasks, node, target, choice)
                return
            tasks = tuple(child for each in mains.values() for child in each)
            for value in self._values(task, tasks, inside):
                iteration = msgspec.structs.replace(within, value=value)
                if _is_side_by_side(task):
                    self._side_by_side(iteration, tasks, node, target, relation)
                else:
                    self._sequence(iteration, tasks, node, target, {"relationType": relation})

        self._handled(within, handlers, begin, end, draw)
        return begin, end

    def _values(self, task: Task, tasks: tuple[Task, ...], inside: Inside) -> list[str | None]:
        """The elements for which the children of a loop have run; one None where that is of no matter."""
        if self._runs is None or task.type not in _DYNAMIC:
            return [inside.value]
        ids_below = {each.id for each in tasks}
        found = [value for task_id, value in self._runs if task_id in ids_below and value is not None]
        return list(dict.fromkeys(found)) or [None]

    def _side_by_side(
        self, inside: Inside, tasks: tuple[Task, ...], node: str, end: str, relation: str
    ) -> None:
        """Children that start together; those of a Dag behind what they depend on."""
        drawn = {child.id: self._task(inside, child) for child in tasks}
        needed = {name for child in tasks for name in child.depends_on}
        for child in tasks:
            entry, leave = drawn[child.id]
            before = [drawn[name][1] for name in child.depends_on if name in drawn]
            for each in before:
                self._edge(each, entry, {"relationType": "SEQUENTIAL"})
            if not before:
                self._edge(node, entry, {"relationType": relation})
            if child.id not in needed:
                self._edge(leave, end)

    def _subflow(self, inside: Inside, task: Task, uid: str, flow: Flow) -> tuple[str, str]:
        """Draw the flow that a Subflow runs in the place of the task."""
        name = f"cluster_{uid}"
        within = Inside(uid, (*inside.clusters, name), inside.branch)
        begin = self._node(within, f"{uid}.{ids.random_id()}", "GraphClusterRoot")
        end = self._node(within, f"{uid}.end.{ids.random_id()}", "GraphClusterEnd")
        node = self._task_node(msgspec.structs.replace(within, path=inside.path), task, uid, "SEQUENTIAL")
        self._cluster(name, "SubflowGraphCluster", "SEQUENTIAL", self._nodes[-1], inside.clusters, begin, end)
        self._edge(begin, node)
        self._handled(
            within,
            {"errors": flow.errors, "finally": flow.finally_},
            begin,
            end,
            lambda target: self._sequence(within, flow.tasks, node, target, {"relationType": "SEQUENTIAL"}),
        )
        return begin, end

    # Parts

    def _node(self, inside: Inside, uid: str, kind: str, **more: Any) -> str:
        node: Json = {"uid": uid, "type": _HIERARCHY + kind, "error": inside.branch == "ERROR"}
        if inside.branch is not None:
            node["branchType"] = inside.branch
        self._nodes.append({**node, **more})
        around = self._by_uid.get(inside.clusters[-1]) if inside.clusters else None
        if around is not None:
            around["nodes"].append(uid)
        return uid

    def _cluster(
        self,
        uid: str,
        kind: str,
        relation: str | None,
        node: Json | None,
        parents: tuple[str, ...],
        begin: str,
        end: str,
    ) -> None:
        inner: Json = {"uid": uid, "type": _HIERARCHY + kind, "error": False}
        if relation is not None:
            inner["relationType"] = relation
        if node is not None:
            inner["error"] = node["error"]
            inner["taskNode"] = node
        nodes = [begin, end] if node is None else [begin, end, node["uid"]]
        cluster = {"cluster": inner, "nodes": nodes, "parents": list(parents), "start": begin, "end": end}
        self._clusters.append(cluster)
        self._by_uid[uid] = cluster

    def _edge(self, source: str, target: str, relation: Json | None = None) -> None:
        self._edges.append({"source": source, "target": target, "relation": relation or {}})


def _relation(task: Task) -> str:
    if task.type in _DYNAMIC:
        return "DYNAMIC"
    if task.type in _CHOICES:
        return "CHOICE"
    return "PARALLEL" if task.type in _SIDE_BY_SIDE else "SEQUENTIAL"


def _is_side_by_side(task: Task) -> bool:
    """Children of a ForEach stand side by side unless it goes element by element, as front ends know it."""
    if task.type == f"{_FLOW}ForEach":
        return bool(task.properties.get("concurrencyLimit", 1) != 1)
    return task.type in _SIDE_BY_SIDE

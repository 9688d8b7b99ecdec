"""Rules that span several parts of a flow (flow spec §17.2); all of them speak, none stops the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from batuta.flows import trigger_inputs
from batuta.flows.document import Path
from batuta.flows.findings import Findings
from batuta.model.flow import Flow
from batuta.model.inputs import Input
from batuta.model.task import Task
from batuta.nearness import did_you_mean
from batuta.plugin import registry

RESERVED_IDS = (
    "pause",
    "resume",
    "force-run",
    "change-status",
    "kill",
    "executions",
    "search",
    "source",
    "disable",
    "enable",
)
"""Flow ids that hide a route of the API. Only a warning: flows of before 1.0 have such ids."""
_FLOW = "io.kestra.plugin.core.flow."
_BRANCHES = ("tasks", "errors", "finally", "afterExecution", "listeners")


def collect(found: Findings, flow: Flow) -> None:
    """Note every rule that the flow breaks."""
    _reserved(found, flow)
    every = list(flow.walk())
    places = _Places(found)
    _duplicates(found, "task", (task.id for task in every), places.tasks)
    _duplicates(found, "trigger", (trigger.id for trigger in flow.triggers), places.listed("triggers"))
    _duplicates(found, "input", (each.id for each in flow.inputs), places.listed("inputs"))
    _duplicates(found, "output", (each.id for each in flow.outputs), places.listed("outputs"))
    _input_dependencies(found, flow.inputs)
    trigger_inputs.collect(found, flow, places.listed("triggers"))
    for task in every:
        _task(found, flow, task, places)


class _Places:
    """Where things with an id stand in the document; found only when something is wrong."""

    def __init__(self, found: Findings) -> None:
        self._data = found.document.data

    def tasks(self, id: str) -> list[Path]:
        """Every task of this id."""
        return [
            path
            for branch in _BRANCHES
            for path in _typed_below(self._data.get(branch), (branch,))
            if _id_at(self._data, path) == id
        ]

    def listed(self, name: str) -> _Listed:
        """Items of one list of the flow by their id."""
        return _Listed(self._data, name)


class _Listed:
    def __init__(self, data: object, name: str) -> None:
        self._data = data
        self._name = name

    def __call__(self, id: str) -> list[Path]:
        items = _value_at(self._data, (self._name,))
        size = len(items) if isinstance(items, list) else 0
        return [(self._name, place) for place in range(size) if _id_at(self._data, (self._name, place)) == id]


def _typed_below(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _typed_below(item, (*path, place))
    elif isinstance(value, dict):
        if isinstance(value.get("type"), str) and "id" in value:
            yield path
        for name, below in value.items():
            if isinstance(below, (dict, list)):
                yield from _typed_below(below, (*path, name))


def _value_at(data: object, path: Path) -> object:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _id_at(data: object, path: Path) -> str | None:
    id = _value_at(data, (*path, "id"))
    return None if id is None else str(id)


def _reserved(found: Findings, flow: Flow) -> None:
    if flow.id in RESERVED_IDS:
        message = (
            f"Flow id is a reserved keyword: {flow.id}. List of reserved keywords: {', '.join(RESERVED_IDS)}"
        )
        found.warn(("id",), message, hint="choose another id", code="flow.reserved-id")


def _duplicates(found: Findings, what: str, ids: Iterable[str], places: object) -> None:
    repeated = [id for id, times in Counter(ids).items() if times > 1 and id]
    if not repeated:
        return
    assert callable(places)
    spots: list[Path] = [path for id in repeated for path in places(id)[1:]]
    message = f"Invalid Flow: Duplicate {what} id with name [{', '.join(repeated)}]"
    if what in ("input", "output"):
        message = f"Invalid Flow: Duplicate {what} with name [{', '.join(repeated)}]"
    at = (*spots[0], "id") if spots else ()
    lines = [found.document.value_at((*spot, "id")).line for spot in spots[1:]]
    more = f" (also on line {', '.join(map(str, lines))})" if lines else ""
    found.wrong(at, message, hint=f"give each {what} an id of its own{more}", code="flow.duplicate-id")


def _input_dependencies(found: Findings, inputs: tuple[Input, ...]) -> None:
    by_id = {each.id: each for each in inputs}
    for place, each in enumerate(inputs):
        if each.depends_on is None:
            continue
        path: Path = ("inputs", place, "dependsOn", "inputs")
        for name in each.depends_on.inputs:
            if name not in by_id:
                message = f"Input with id '{each.id}' depends on a non-existent input '{name}'."
                found.wrong(path, message, hint=did_you_mean(name, by_id), code="flow.unknown-input")
        cycle = _cycle_from(each.id, by_id)
        if cycle is not None:
            message = f"Cycle dependency detected for input with id '{each.id}': [{', '.join(cycle)}]"
            found.wrong(path, message, code="flow.input-cycle")


def _cycle_from(start: str, by_id: Mapping[str, Input]) -> list[str] | None:
    """The inputs from `start` back to `start`, or None when there is no way back."""
    trail: list[str] = []
    seen: set[str] = set()

    def visit(id: str) -> bool:
        trail.append(id)
        depends_on = by_id[id].depends_on
        for name in depends_on.inputs if depends_on is not None else ():
            if name == start:
                return True
            if name in by_id and name not in seen:
                seen.add(name)
                if visit(name):
                    return True
        trail.pop()
        return False

    return trail if visit(start) else None


def _task(found: Findings, flow: Flow, task: Task, places: _Places) -> None:
    match task.type.removeprefix(_FLOW):
        case "Subflow" | "ForEachItem":
            _self_call(found, flow, task, places)
        case "Dag":
            _dag(found, task, places)
        case "Switch":
            if not any(task.branches.values()):
                message = "No task defined, neither cases or default have any tasks"
                _wrong(found, task, places, message, "add a case below `cases:`, or `defaults:`")
        case "WorkingDirectory":
            _working_directory(found, task, places)


def _wrong(found: Findings, task: Task, places: _Places, message: str, hint: str | None = None) -> None:
    paths = places.tasks(task.id)
    found.wrong(paths[0] if paths else (), message, hint=hint)


def _self_call(found: Findings, flow: Flow, task: Task, places: _Places) -> None:
    namespace, id = task.properties.get("namespace"), task.properties.get("flowId")
    if (namespace, id) == (flow.namespace, flow.id) and id:
        message = f"Recursive call to flow [{flow.namespace}.{flow.id}]"
        _wrong(found, task, places, message, "a flow that starts itself never ends")


def _dag(found: Findings, task: Task, places: _Places) -> None:
    children = {child.id: child for child in task.branches.get("tasks", ())}
    unknown = [name for child in children.values() for name in child.depends_on if name not in children]
    if unknown:
        message = f"Not existing task id in dependency: {', '.join(dict.fromkeys(unknown))}"
        _wrong(
            found, task, places, message, did_you_mean(unknown[0], children) or "name tasks of the same Dag"
        )
    cyclic = [id for id in children if _reaches(id, id, children)]
    if cyclic:
        _wrong(found, task, places, f"Cyclic dependency detected: {', '.join(cyclic)}")


def _reaches(start: str, goal: str, children: Mapping[str, Task]) -> bool:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in children[waiting.pop()].depends_on:
            if name == goal:
                return True
            if name in children and name not in seen:
                seen.add(name)
                waiting.append(name)
    return False


def _working_directory(found: Findings, task: Task, places: _Places) -> None:
    for child in task.branches.get("tasks", ()):
        if not _is_runnable(child):
            message = "Only runnable tasks are allowed as children of a WorkingDirectory task"
            _wrong(found, child, places, message, "put the block around the WorkingDirectory instead")
        if "workerGroup" in child.common or "workerSelector" in child.common:
            message = (
                "Cannot set a Worker Group in any WorkingDirectory sub-tasks, "
                "it is only supported at the WorkingDirectory level"
            )
            _wrong(found, child, places, message)


def _is_runnable(task: Task) -> bool:
    """The task does work on a worker; of a type that is not implemented the name has to tell."""
    if task.branches:
        return False
    if registry.canonical(task.type) is None:
        return not task.type.startswith(_FLOW) or task.type == f"{_FLOW}Sleep"
    kind = getattr(getattr(registry.load(task.type), "kind", None), "value", "runnable")
    return kind in ("runnable", "inline")

"""Old spellings become the present ones; each leaves a note (flow spec §1.4).

Runs on the data of a document before it is parsed, so that the parser knows one spelling only. The stored
source is never touched. Names of types are resolved where types are looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from batuta.flows.document import Path
from batuta.flows.findings import Findings

Rename = tuple[str, str]
_TASK: tuple[Rename, ...] = (("runIf", "when"),)
_TRIGGER: tuple[Rename, ...] = (("minLogLevel", "logLevel"),)
_INPUT: tuple[Rename, ...] = (("name", "id"), ("accept", "allowedFileExtensions"))
_RETRY: tuple[Rename, ...] = (("maxAttempt", "maxAttempts"),)
_CHECK: tuple[Rename, ...] = (("condition", "when"),)
_FLOW: tuple[Rename, ...] = (("taskDefaults", "pluginDefaults"),)
_PAUSE: tuple[Rename, ...] = (("delay", "pauseDuration"),)
_PAUSES = ("io.kestra.plugin.core.flow.Pause", "io.kestra.core.tasks.flows.Pause")
_FLOW_LISTS = ("tasks", "errors", "finally", "afterExecution")


def apply(found: Findings) -> None:
    """Rename everywhere in the document."""
    data = found.document.data
    _Renamer(found).flow(data, ())


class _Renamer:
    def __init__(self, found: Findings) -> None:
        self._found = found

    def flow(self, data: dict[str, Any], path: Path) -> None:
        self.rename(data, path, _FLOW)
        if isinstance(data.get("retry"), dict):
            self.rename(data["retry"], (*path, "retry"), _RETRY)
        self.each(data, path, "inputs", self.input)
        self.each(data, path, "checks", lambda check, at: self.rename(check, at, _CHECK))
        self.each(data, path, "sla", self.sla)
        self.each(data, path, "triggers", lambda trigger, at: self.rename(trigger, at, _TRIGGER))
        for name in _FLOW_LISTS:
            if isinstance(data.get(name), list):
                self.tasks(data[name], (*path, name))
        self.each(data, path, "pluginDefaults", self.default)
        self.each(data, path, "listeners", lambda each, at: self.tasks(each.get("tasks"), (*at, "tasks")))

    def each(
        self, data: dict[str, Any], path: Path, name: str, visit: Callable[[dict[str, Any], Path], None]
    ) -> None:
        """Visit the maps of a list."""
        items = data.get(name)
        if isinstance(items, list):
            for place, item in enumerate(items):
                if isinstance(item, dict):
                    visit(item, (*path, name, place))

    def tasks(self, value: Any, path: Path) -> None:
        """Rename in every task at or below `value`: maps that have a type and stand where tasks stand."""
        for task, at in _tasks_in(value, path):
            self.task(task, at, task.get("type"))

    def task(self, data: dict[str, Any], path: Path, type: Any) -> None:
        """Rename the properties of a task of this type."""
        self.rename(data, path, _TASK)
        if isinstance(data.get("retry"), dict):
            self.rename(data["retry"], (*path, "retry"), _RETRY)
        if type in _PAUSES:
            self.rename(data, path, _PAUSE)
            self.each(data, path, "onResume", self.input)

    def default(self, data: dict[str, Any], path: Path) -> None:
        """What a default gives to tasks has the names of their properties."""
        if isinstance(data.get("values"), dict):
            self.task(data["values"], (*path, "values"), data.get("type"))

    def input(self, data: dict[str, Any], path: Path) -> None:
        names = list(_INPUT)
        if data.get("type") == "MULTISELECT":
            if "options" in data and "values" in data:
                self._found.wrong(
                    (*path, "options"),
                    "`options` and `values` cannot be set together",
                    hint="remove `options`",
                    key=True,
                )
            names.append(("options", "values"))
        if data.get("type") == "ENUM":
            self._found.old((*path, "type"), "`ENUM` is replaced by `SELECT`")
        self.rename(data, path, tuple(names))
        for name in ("inputs", "properties", "columns"):
            self.each(data, path, name, self.input)

    def sla(self, data: dict[str, Any], path: Path) -> None:
        if data.get("type") == "EXECUTION_CONDITION":
            data["type"] = "EXECUTION_ASSERTION"
            self._found.old((*path, "type"), "`EXECUTION_CONDITION` is replaced by `EXECUTION_ASSERTION`")

    def rename(self, data: dict[str, Any], path: Path, names: tuple[Rename, ...]) -> None:
        """Rename properties in place, in their order. Where both spellings stand the present one counts."""
        for old, new in names:
            if old not in data:
                continue
            self._found.old((*path, old), f"`{old}` is replaced by `{new}`")
            if data.get(new) is not None:
                del data[old]
                continue
            entries = [(new if name == old else name, value) for name, value in data.items() if name != new]
            data.clear()
            data.update(entries)
            self._found.document.move((*path, old), (*path, new))


_NOT_TASKS = frozenset({"retry", "taskRunner", "inputs", "onResume", "labels", "values", "env", "variables"})


def _tasks_in(value: Any, path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _tasks_in(item, (*path, place))
    elif isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value, path
        for name, below in list(value.items()):
            if name not in _NOT_TASKS and isinstance(below, (dict, list)):
                yield from _tasks_in(below, (*path, name))

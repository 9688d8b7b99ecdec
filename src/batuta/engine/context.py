"""The names that an expression sees, each built when it is asked for (flow spec §11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from batuta.engine.ledger import Ledger
from batuta.engine.secret_inputs import revealed
from batuta.engine.world import World
from batuta.model import labels, stored
from batuta.model.execution import TaskRun
from batuta.model.flow import TENANT
from batuta.model.state import State
from batuta.model.task import Task


class Names(Mapping[str, Any]):
    """The context of one execution, or of one task run within it. `extra` names win over all others."""

    def __init__(
        self, ledger: Ledger, world: World, run: TaskRun | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        self.ledger = ledger
        self.world = world
        self.run = run
        self._known: dict[str, Any] = dict(extra or {})

    @property
    def task(self) -> Task | None:
        """The task of the run."""
        if self.run is None:
            return None
        place = self.ledger.outline.places.get(self.run.task_id)
        return place.task if place else None

    @property
    def holds_stored(self) -> bool:
        """A value may have to be fetched from storage before it can be used."""
        ledger: Ledger | None = self.ledger
        while ledger is not None:
            if ledger.holds_stored:
                return True
            ledger = ledger.outer
        return False

    def __getitem__(self, name: str) -> Any:
        known = self._known
        if name in known:
            return known[name]
        build = _BUILDERS.get(name)
        value = None if build is None else build(self)
        if value is None:
            raise KeyError(name)
        known[name] = value
        return value

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return (name for name in {**_BUILDERS, **self._known} if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def extended(self, **extra: Any) -> Names:
        """The same context with more names."""
        return Names(self.ledger, self.world, self.run, {**self._known, **extra})


def _flow(names: Names) -> dict[str, Any]:
    execution = names.ledger.execution
    return {
        "id": execution.flow_id,
        "namespace": execution.namespace,
        "revision": execution.revision,
        "tenantId": TENANT,
    }


def _execution(names: Names) -> dict[str, Any]:
    execution = names.ledger.execution
    context: dict[str, Any] = {
        "id": execution.id,
        "startDate": execution.state.started_at,
        "originalId": execution.original_id,
        "state": execution.state.current.value,
    }
    if execution.outputs is not None:
        context["outputs"] = stored.revived(execution.outputs, names.ledger.homes)
    return context


def _task(names: Names) -> dict[str, Any] | None:
    task = names.task
    return None if task is None else {"id": task.id, "type": task.written_type}


def _taskrun(names: Names) -> dict[str, Any] | None:
    run = names.run
    if run is None:
        return None
    done = sum(attempt.state.current.is_ended for attempt in run.attempts)
    context: dict[str, Any] = {"id": run.id, "startDate": run.state.started_at, "attemptsCount": done}
    if run.parent_id is not None:
        context["parentId"] = run.parent_id
    if run.value is not None:
        context["value"] = run.value
    if run.iteration is not None:
        context["iteration"] = run.iteration
    return context


def _parents(names: Names) -> list[dict[str, Any]] | None:
    run = names.run
    if run is None or run.parent_id is None:
        return None
    parents = []
    for ancestor in names.ledger.ancestors(run):
        if ancestor.value is None and not ancestor.outputs:
            continue
        entry: dict[str, Any] = {}
        if ancestor.value is not None:
            entry["taskrun"] = {"value": ancestor.value}
        if ancestor.outputs:
            entry["outputs"] = stored.revived(ancestor.outputs, names.ledger.homes)
        parents.append(entry)
    return parents


def _parent(names: Names) -> dict[str, Any] | None:
    parents = names.get("parents")
    return parents[0] if parents else None


def _outermost(names: Names) -> Ledger:
    """The execution that people started, seen from inside of loops."""
    ledger = names.ledger
    while ledger.outer is not None:
        ledger = ledger.outer
    return ledger


def _inputs(names: Names) -> dict[str, Any] | None:
    """The values of the inputs; there is no such name where there are no values."""
    ledger = _outermost(names)
    if not ledger.inputs:
        return None
    return revealed(ledger.inputs, names.world) if ledger.has_sealed_inputs else ledger.inputs


def _outputs(names: Names) -> dict[str, Any]:
    outer, ledger = names.ledger.outer, names.ledger
    outputs = ledger.outputs
    while outer is not None:
        outputs = {**outer.outputs, **outputs}
        outer = outer.outer
    return outputs


def _item(names: Names) -> dict[str, Any] | None:
    loop = names.ledger.execution.loop
    if loop is None:
        return None
    item: dict[str, Any] = msgspec.to_builtins(loop.item)
    parents = [msgspec.to_builtins(parent) for parent in loop.parents]
    return {**item, "parent": parents[0], "parents": parents} if parents else item


def _trigger(names: Names) -> dict[str, Any] | None:
    trigger = _outermost(names).execution.trigger
    return None if trigger is None else trigger.variables


def _variables(names: Names) -> dict[str, Any]:
    own = names.ledger.execution.variables
    return names.ledger.outline.flow.variables if own is None else own


def _kestra(names: Names) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if names.world.environment:
        about["environment"] = names.world.environment
    if names.world.url:
        about["url"] = names.world.url
    return about


def _error(names: Names) -> dict[str, Any] | None:
    """The first failure; of a block that failed because of a task inside it is that task's."""
    failed = [run for run in names.ledger.runs.values() if run.state.current is State.FAILED]
    if not failed:
        return None
    run = next((run for run in failed if run.memo is None), failed[0])
    problem = (run.attempts[-1].problem if run.attempts else None) or "Task failure"
    return {"taskId": run.task_id, "taskRunId": run.id, "message": problem, "stackTrace": problem}


_BUILDERS: dict[str, Callable[[Names], Any]] = {
    "flow": _flow,
    "namespace": lambda names: {"id": names.ledger.execution.namespace},
    "execution": _execution,
    "task": _task,
    "taskrun": _taskrun,
    "parents": _parents,
    "parent": _parent,
    "inputs": _inputs,
    "outputs": _outputs,
    "tasks": lambda names: names.ledger.states,
    "trigger": _trigger,
    "schedule": _trigger,
    "labels": lambda names: labels.nested(names.ledger.execution.labels),
    "vars": _variables,
    "envs": lambda names: names.world.envs,
    "globals": lambda names: names.world.globals,
    "kestra": _kestra,
    "error": _error,
    "item": _item,
}

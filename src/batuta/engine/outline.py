"""A flow seen by its tasks: where each one stands, and what kind of thing it is. Made once per revision."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec

from batuta.engine.rules import Sla, slas_of
from batuta.errors import FlowError
from batuta.model.flow import Flow
from batuta.model.inputs import InputType
from batuta.model.task import Task
from batuta.plugin import registry
from batuta.plugin.forms import Form
from batuta.plugin.task import InlineTask

TASKS = "tasks"
ERRORS = "errors"
FINALLY = "finally"
AFTER_EXECUTION = "afterExecution"


class Kind(Enum):
    """How a task is dispatched (flow spec §4.2)."""

    RUNNABLE = "runnable"
    INLINE = "inline"
    FLOWABLE = "flowable"
    DELEGATED = "delegated"
    """A flowable whose `tasks` run on one worker as one job: WorkingDirectory."""
    UPDATING = "updating"
    EXECUTABLE = "executable"
    SPAWNING = "spawning"
    """A task that starts many executions: Loop, and the middle part of ForEachItem."""


class Place(msgspec.Struct, frozen=True):
    """Where a task stands: below which task (None for the flow itself), in which list, at which position."""

    task: Task
    parent: str | None
    branch: str
    index: int
    after_execution: bool


class Outline:
    """Lookups over the tasks of one flow; disabled tasks are left out, for they do not take part.

    With `root`, the id of a Loop task, it is the outline of one iteration: the children of that task stand
    where those of the flow stand otherwise.
    """

    def __init__(self, flow: Flow, root: str | None = None) -> None:
        self.flow = flow
        self.root = None if root is None else next((task for task in flow.walk() if task.id == root), None)
        self.has_secret_inputs = any(declared.type is InputType.SECRET for declared in flow.inputs)
        self.places: dict[str, Place] = {}
        self._branches: dict[tuple[str | None, str], tuple[Task, ...]] = {}
        self._forms: dict[str, Form[Any]] = {}
        self._kinds: dict[str, Kind] = {}
        self.slas: tuple[Sla, ...] = slas_of(flow.document) if root is None else ()
        """What executions of the flow have to keep to; the iterations of its loops are not asked."""
        self.has_assertions = any(sla.condition is not None for sla in self.slas)
        if self.root is None:
            branches = {
                TASKS: flow.tasks,
                ERRORS: flow.errors,
                FINALLY: flow.finally_,
                AFTER_EXECUTION: flow.after_execution,
            }
        else:
            branches = self.root.branches
        for name, tasks in branches.items():
            self._add(None, name, tasks, after=name == AFTER_EXECUTION)

    def _add(self, parent: str | None, branch: str, tasks: tuple[Task, ...], *, after: bool) -> None:
        enabled = tuple(_waiting(task, tasks) for task in tasks if not task.disabled)
        self._branches[parent, branch] = enabled
        for index, task in enumerate(enabled):
            self.places[task.id] = Place(task, parent, branch, index, after)
            for name, children in branches_of(task).items():
                self._add(task.id, name, children, after=after)

    def branch(self, parent: str | None, name: str) -> tuple[Task, ...]:
        """The enabled tasks of a list; empty when it does not exist."""
        return self._branches.get((parent, name), ())

    def place(self, task_id: str) -> Place:
        """Where a task stands.

        Raises:
            FlowError: this revision has no such (enabled) task.
        """
        place = self.places.get(task_id)
        if place is None:
            raise FlowError(f"revision {self.flow.revision} of {self.flow.key} has no task `{task_id}`")
        return place

    def kind(self, task: Task) -> Kind:
        """How the task is dispatched.

        Raises:
            FlowError: its type does not exist in this installation.
        """
        kind = self._kinds.get(task.type)
        if kind is None:
            kind = self._kinds[task.type] = _kind_of(load(task))
        if kind is Kind.INLINE and task.log_to_file:
            # Only a worker writes files.
            return Kind.RUNNABLE
        return kind

    def form(self, task: Task) -> Form[Any]:
        """How to build the task's run form."""
        form = self._forms.get(task.id)
        if form is None:
            form = self._forms[task.id] = Form(load(task), task.properties)
        return form


def _waiting(task: Task, siblings: tuple[Task, ...]) -> Task:
    """The task of a Dag; in the place of a disabled task that it depends on stands what that depends on."""
    disabled = {sibling.id: sibling for sibling in siblings if sibling.disabled}
    if not disabled or disabled.keys().isdisjoint(task.depends_on):
        return task
    awaited: dict[str, None] = {}
    names, seen = list(task.depends_on), set[str]()
    for name in names:
        if name not in disabled:
            awaited[name] = None
        elif name not in seen:
            seen.add(name)
            names += disabled[name].depends_on
    return msgspec.structs.replace(task, depends_on=tuple(awaited))


def branches_of(task: Task) -> dict[str, tuple[Task, ...]]:
    """The lists of a task's children; those that its type stands for, where it is short for several tasks."""
    if task.type == "io.kestra.plugin.core.flow.ForEachItem":
        from batuta.engine.flowables import foreach_item

        return foreach_item.expanded(task)
    if task.type == "io.kestra.plugin.core.flow.Loop":
        # Its children belong to the executions that it starts.
        return {}
    return task.branches


def load(task: Task) -> type[Any]:
    """The class of a task.

    Raises:
        FlowError: its type does not exist in this installation.
    """
    try:
        return registry.load(task.type)
    except KeyError:
        near = registry.nearest(task.type)
        hint = f"did you mean `{near}`?" if near else "`batuta check` lists what the flow needs"
        raise FlowError(f"Invalid type: {task.written_type}", where=task.id, mend=hint) from None


def _kind_of(cls: type[Any]) -> Kind:
    declared = getattr(cls, "kind", None)
    if isinstance(declared, Kind):
        return declared
    return Kind.INLINE if issubclass(cls, InlineTask) else Kind.RUNNABLE


class _SameFlow:
    """Compares flows by identity: parsed flows are cached per revision, and hashing a document is dear."""

    __slots__ = ("flow",)

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    def __hash__(self) -> int:
        return id(self.flow)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SameFlow) and other.flow is self.flow


@lru_cache(maxsize=512)
def _outline(same: _SameFlow, root: str | None) -> Outline:
    return Outline(same.flow, root)


def outline_of(flow: Flow, root: str | None = None) -> Outline:
    """The outline of a parsed flow, or of an iteration of its Loop task `root`, made once."""
    return _outline(_SameFlow(flow), root)

"""What every flowable is: a list of children to go through, and handlers around it (flow spec §5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from batuta.engine.outline import TASKS, Kind
from batuta.engine.scope import Scope
from batuta.model.state import State
from batuta.model.task import Task
from batuta.plugin.task import AnyTask


class Child(msgspec.Struct, frozen=True):
    """A task run to create."""

    task: Task
    value: str | None = None
    iteration: int | None = None


class Begun(msgspec.Struct, frozen=True):
    """What a flowable decides when it begins."""

    memo: dict[str, Any] = {}
    """Written down with the run, so that nothing is decided twice."""
    outputs: dict[str, Any] | None = None
    end: State | None = None
    """The flowable has nothing to do and ends at once."""
    pause: bool = False
    """The run, and with it the execution, waits to be resumed."""


class Flowable(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of all flowables. Fields are properties; lists of tasks are declared with `AnyTask`."""

    kind: ClassVar[Kind] = Kind.FLOWABLE
    errors: list[AnyTask] = []
    finally_: list[AnyTask] = msgspec.field(default=[], name="finally")

    def begin(self, scope: Scope) -> Begun:
        """Decide what has to be decided once. The run has been created and not yet started."""
        return Begun()

    def main(self, scope: Scope) -> str:
        """The name of the list whose states fold into this task's own."""
        return TASKS

    def size(self, scope: Scope) -> int:
        """How many runs the main list will have in all."""
        return len(scope.branch(self.main(scope)))

    def next_children(self, scope: Scope) -> Iterable[Child]:
        """The runs of the main list to create now."""
        return next_in_sequence(scope, self.main(scope))

    def folded(self, state: State) -> State:
        """The flowable's own say about the folded state of its children."""
        return state


def next_in_sequence(scope: Scope, branch: str) -> Iterable[Child]:
    """One after the other: the first task, or the one behind the last that ended (flow spec §5.2)."""
    tally = scope.tally(branch)
    if tally.open:
        return ()
    tasks = scope.branch(branch)
    return (Child(tasks[tally.total]),) if tally.total < len(tasks) else ()

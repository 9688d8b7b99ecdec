"""What a flowable sees of its own run: its children, counted, and a way to render."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from batuta.engine.tally import Tally
from batuta.model.execution import TaskRun
from batuta.model.task import Task

if TYPE_CHECKING:
    from datetime import datetime

    from batuta.engine.draft import Draft

_C = TypeVar("_C")


class Scope:
    """The view of one flowable run. `changed` is the child whose change is the reason to look; None when
    unknown."""

    __slots__ = ("_draft", "changed", "run", "task")

    def __init__(self, draft: Draft, run: TaskRun, task: Task, changed: TaskRun | None = None) -> None:
        self._draft = draft
        self.run = run
        self.task = task
        self.changed = changed

    @property
    def now(self) -> datetime:
        """The time of the step."""
        return self._draft.now

    @property
    def memo(self) -> dict[str, Any]:
        """What the flowable decided when it began."""
        return self.run.memo or {}

    def branch(self, name: str) -> tuple[Task, ...]:
        """The enabled tasks of a list of this task."""
        return self._draft.ledger.outline.branch(self.task.id, name)

    def tally(self, name: str) -> Tally:
        """How the runs of a list stand."""
        return self._draft.ledger.tally(self.run.id, name)

    def child(self, task_id: str, value: str | None = None) -> TaskRun | None:
        """The run of a child task, for one value of a loop."""
        return self._draft.ledger.child(self.run.id, task_id, value)

    def started(self, task_id: str) -> int:
        """How many runs of a child task there are, over all values."""
        return self._draft.ledger.started(self.run.id, task_id)

    def grow(self, children: Iterator[_C]) -> list[_C]:
        """As many of these new children as this step may start; see `Draft.grow`."""
        return self._draft.grow(self.run, children)

    def render(self, template: str) -> str | None:
        """Render a template in the context of this run."""
        return self._draft.render(template, self.run)

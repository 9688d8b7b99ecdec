"""What the checker knows: every row that became durable, and what people asked for."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta.engine import events as on
from batuta.engine.outline import Outline, Place, outline_of
from batuta.model.execution import Execution, ExecutionKind, TaskRun
from batuta.model.flow import Flow
from batuta.model.state import State
from batuta.model.task import Task

UNDER_WAY = frozenset(
    {State.RUNNING, State.PAUSED, State.RETRYING, State.RESTARTED, State.BREAKPOINT, State.KILLING}
)
_LEAVES_AN_END = (on.RestartRequested, on.TaskRunMarked, on.StatusChanged)
_GOES_BY_THE_LIMIT = (on.RestartRequested, on.TaskRunMarked, on.ForceRunRequested, on.UnqueueRequested)


class Known(msgspec.Struct):
    """One execution."""

    execution: Execution
    flow: Flow
    runs: dict[int, TaskRun] = {}
    """By ordinal."""
    permits: int = 0
    """How often it may still leave a terminal state."""
    was_permitted: bool = False
    bypasses: bool = False
    """It may run whatever the limit says."""
    has_slot: bool = False
    asked: set[str] = set()
    """Names of the events that people, or a parent, sent it."""

    @property
    def outline(self) -> Outline:
        """Where its tasks stand."""
        loop = self.execution.loop
        return outline_of(self.flow, None if loop is None else loop.task_id)

    @property
    def holds_slot(self) -> bool:
        """It counts for the limit of its flow."""
        execution = self.execution
        return (
            not execution.settled
            and execution.kind is not ExecutionKind.LOOP
            and (self.has_slot or execution.state.current in UNDER_WAY)
        )

    def was_asked(self, event: on.AnyEvent) -> None:
        """Note what an event allows."""
        self.asked.add(type(event).__name__)
        if isinstance(event, _LEAVES_AN_END):
            self.permits += 1
            self.was_permitted = True
        if isinstance(event, _GOES_BY_THE_LIMIT):
            self.bypasses = True

    # Task runs by their place

    def place(self, run: TaskRun) -> Place | None:
        """Where a run's task stands in the flow."""
        return self.outline.places.get(run.task_id)

    def children(self, parent_id: str | None) -> list[TaskRun]:
        """Runs directly below a parent, in order."""
        return [run for _, run in sorted(self.runs.items()) if run.parent_id == parent_id]

    def by_id(self, run_id: str) -> TaskRun | None:
        """A run."""
        return next((run for run in self.runs.values() if run.id == run_id), None)

    def task(self, run: TaskRun) -> Task | None:
        """What a run runs."""
        place = self.place(run)
        return None if place is None else place.task


def short(type: str) -> str:
    """The last part of a type name."""
    return type.rpartition(".")[2]


def number_of(value: Any, default: int) -> int:
    """A number as a flow writes it."""
    return default if value is None else int(value)

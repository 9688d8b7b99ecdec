"""What the engine asks for. Imperative; nothing is done before the step that asked for it is durable."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from batuta import ids
from batuta.model.execution import LoopItem, TaskRun
from batuta.model.flow import ConcurrencyBehavior
from batuta.model.labels import Labels
from batuta.model.state import State
from batuta.model.task import LogLevel, Task


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done for one execution."""


class RunTask(Command, frozen=True, kw_only=True):
    """Run an attempt of a task on a worker, or at once where the task does no input or output."""

    run: TaskRun
    task: Task
    after_execution: bool = False
    """The task runs although its execution has ended."""


class StopTaskRuns(Command, frozen=True, kw_only=True):
    """Interrupt these attempts, wherever they run."""

    task_run_ids: tuple[str, ...]


class StopSubflows(Command, frozen=True, kw_only=True):
    """Kill the executions that this one started and still waits for or left running."""

    task_run_id: str | None = None
    """Only those that this task run has started so far and that have not ended."""


class SetTimer(Command, frozen=True, kw_only=True):
    """Send `DelayElapsed` at an instant."""

    timer: str
    at: datetime
    task_run_id: str | None = None
    token: int = 0


class CancelTimers(Command, frozen=True, kw_only=True):
    """Forget the timers of a task run, or of the whole execution when None."""

    task_run_id: str | None = None


def child_id(run: TaskRun, index: int | None = None) -> str:
    """The id of an execution that a task run starts; `index` tells apart those of one that starts many.

    It follows from the attempt, so that the execution is made once, and one of an earlier attempt is known.
    """
    return ids.derived_id(run.id, "child", run.token, index or 0)


class StartSubflow(Command, frozen=True, kw_only=True):
    """Create a child execution; answered by `SubflowCreated` or `SubflowRefused`."""

    run: TaskRun
    task: Task
    namespace: str
    flow_id: str
    revision: int | None = None
    inputs: dict[str, Any] = {}
    labels: Labels = ()
    schedule_at: datetime | None = None
    trigger: dict[str, Any] = {}
    """Variables under `trigger` in the child (flow spec §16)."""
    index: int | None = None
    """Which one, of a task that starts many."""
    asked_outputs: dict[str, str] | None = None
    depth: int = 1
    """How many executions are around the child."""


class StartIteration(Command, frozen=True, kw_only=True):
    """Create an execution that runs the children of a Loop for one element."""

    run: TaskRun
    task: Task
    item: LoopItem


class StoreRows(Command, frozen=True, kw_only=True):
    """Write rows to a file of a task run; answered by `TaskRunFinished` with its URI under `output`."""

    run: TaskRun
    rows: list[Any]
    output: str
    beside: dict[str, Any] = {}
    """The other outputs of the run."""


class RestartSubflow(Command, frozen=True, kw_only=True):
    """Restart the failed child execution of a task run, and follow it again."""

    run: TaskRun
    child_id: str
    index: int | None = None
    """Which one it is of those that a single task run started."""


class TellParent(Command, frozen=True, kw_only=True):
    """Tell the task run that waits for this execution how it ended."""

    parent_execution_id: str
    task_run_id: str
    index: int | None = None
    problem: str | None = None
    """Why the outputs that the task run asked for could not be rendered."""
    original_id: str
    """The first try of this execution, which is the one that the task run knows."""
    state: State
    outputs: dict[str, Any] | None = None


class TellPause(Command, frozen=True, kw_only=True):
    """Tell the Loop around this iteration that it is paused, or goes on."""

    parent_execution_id: str
    task_run_id: str
    child_id: str
    index: int
    paused: bool


class CreateExecution(Command, frozen=True, kw_only=True):
    """Create a new execution of the same flow from this one, at an instant (flow spec §12.3)."""

    at: datetime


class AcquireSlot(Command, frozen=True, kw_only=True):
    """Take a slot of the flow's limit if one is free; answered by `SlotGranted` or `SlotRefused`."""

    limit: int
    behavior: ConcurrencyBehavior
    """What happens when none is."""


class WriteLog(Command, frozen=True, kw_only=True):
    """Add a line to the execution's log."""

    level: LogLevel
    message: str
    run: TaskRun | None = None


AnyCommand = (
    RunTask
    | StopTaskRuns
    | StopSubflows
    | SetTimer
    | CancelTimers
    | StartSubflow
    | StartIteration
    | StoreRows
    | RestartSubflow
    | TellParent
    | TellPause
    | CreateExecution
    | AcquireSlot
    | WriteLog
)
"""The closed set of commands."""

"""What the engine asks for. Imperative; nothing is done before the step that asked for it is durable."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from batuta.model.execution import TaskRun
from batuta.model.labels import Labels
from batuta.model.state import State
from batuta.model.task import LogLevel, Task


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done for one execution."""


class RunTask(Command):
    """Run an attempt of a task on a worker, or at once where the task does no input or output."""

    run: TaskRun
    task: Task
    after_execution: bool = False
    """The task runs although its execution has ended."""


class StopTaskRuns(Command):
    """Interrupt these attempts, wherever they run."""

    task_run_ids: tuple[str, ...]


class StopSubflows(Command):
    """Kill the executions that this one started and still waits for or left running."""


class SetTimer(Command):
    """Send `DelayElapsed` at an instant."""

    timer: str
    at: datetime
    task_run_id: str | None = None
    token: int = 0


class CancelTimers(Command):
    """Forget the timers of a task run, or of the whole execution when None."""

    task_run_id: str | None = None


class StartSubflow(Command):
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


class RestartSubflow(Command):
    """Restart the failed child execution of a task run, and follow it again."""

    run: TaskRun
    child_id: str


class TellParent(Command):
    """Tell the task run that waits for this execution how it ended."""

    parent_execution_id: str
    task_run_id: str
    state: State
    outputs: dict[str, Any] | None = None


class CreateExecution(Command):
    """Create a new execution of the same flow from this one, at an instant (flow spec §12.3)."""

    at: datetime


class WriteLog(Command):
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
    | RestartSubflow
    | TellParent
    | CreateExecution
    | WriteLog
)
"""The closed set of commands."""

"""What can happen to an execution. Past tense; see `commands.py` for what the engine asks for.

Events are frozen and tagged, so that a row of the store or a message of the bus can carry any of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from batuta.model.execution import Breakpoint
from batuta.model.flow import ConcurrencyBehavior
from batuta.model.labels import Labels
from batuta.model.state import State


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="event", omit_defaults=True):
    """Something that happened to one execution."""

    execution_id: str


class ExecutionCreated(Event, frozen=True, kw_only=True):
    """The execution's row was written; nothing of it has run."""


class ExecutionLoaded(Event, frozen=True, kw_only=True):
    """The execution was read after a restart of the program: what was under way is looked at again."""


class ExecutionFailed(Event, frozen=True, kw_only=True):
    """The program could not make a step of the execution; it ends here."""

    reason: str


class TaskRunStarted(Event, frozen=True, kw_only=True):
    """A worker began an attempt."""

    task_run_id: str
    token: int
    at: datetime


class TaskRunFinished(Event, frozen=True, kw_only=True):
    """An attempt ended: SUCCESS, WARNING, FAILED, KILLED or SKIPPED."""

    task_run_id: str
    token: int
    state: State
    outputs: dict[str, Any] | None = None
    at: datetime | None = None
    """When the attempt ended; None for the time of the step."""
    variables: dict[str, Any] | None = None
    """The execution's new variables, from tasks that change them."""
    labels: Labels | None = None
    """The execution's new labels, from tasks that change them."""
    secrets: tuple[str, ...] = ()
    """What the attempt has seen of secrets, sealed; then the outputs that hold one are sealed as well."""
    log_file: str | None = None
    """Where the log of the attempt is, when its task wants it in a file."""
    problem: str | None = None
    """Why the attempt failed."""


class TaskRunLost(Event, frozen=True, kw_only=True):
    """The worker of an attempt is gone."""

    task_run_id: str
    token: int


class ChildRunReported(Event, frozen=True, kw_only=True):
    """A worker that runs a WorkingDirectory began or ended one of its children."""

    parent_run_id: str
    token: int
    task_id: str
    state: State
    outputs: dict[str, Any] | None = None
    at: datetime
    secrets: tuple[str, ...] = ()
    log_file: str | None = None
    problem: str | None = None
    """All three as in `TaskRunFinished`."""


class SubflowCreated(Event, frozen=True, kw_only=True):
    """The child execution that a task run asked for exists now."""

    index: int | None = None
    task_run_id: str
    token: int
    child_id: str


class SubflowRefused(Event, frozen=True, kw_only=True):
    """The child execution that a task run asked for could not be created."""

    index: int | None = None
    task_run_id: str
    token: int
    reason: str


class IterationPaused(Event, frozen=True, kw_only=True):
    """An iteration of a Loop is paused, or goes on."""

    task_run_id: str
    index: int
    paused: bool
    child_id: str | None = None


class SubflowEnded(Event, frozen=True, kw_only=True):
    """A child execution has ended, and everything that follows on its end."""

    task_run_id: str
    child_id: str
    index: int | None = None
    """Which one, of a task that starts many."""
    state: State
    outputs: dict[str, Any] | None = None
    problem: str | None = None
    """Why the outputs that the task run asked for could not be rendered."""
    original_id: str | None = None
    """The execution that the task run started, where the child is a later try of it."""
    secrets: tuple[str, ...] = ()
    """What the child has seen of secrets, sealed."""


class DelayElapsed(Event, frozen=True, kw_only=True):
    """A timer that the engine set has run out."""

    task_run_id: str | None = None
    timer: str
    token: int = 0


class KillRequested(Event, frozen=True, kw_only=True):
    """Somebody wants the execution to stop."""

    cascade: bool = True


class PauseRequested(Event, frozen=True, kw_only=True):
    """Somebody wants nothing new to start."""


class ResumeRequested(Event, frozen=True, kw_only=True):
    """Somebody lets a paused execution go on."""

    inputs: dict[str, Any] = {}
    """Typed values of the pause's `onResume`."""
    by: str | None = None
    task_run_id: str | None = None
    """Which pause; None for the first that is paused."""


class RestartRequested(Event, frozen=True, kw_only=True):
    """Somebody wants what failed to be tried again."""


class ForceRunRequested(Event, frozen=True, kw_only=True):
    """Somebody wants the execution to go on whatever holds it."""


class ReviewGiven(Event, frozen=True, kw_only=True):
    """Somebody has decided an approval."""

    approved: bool
    comment: str | None = None
    inputs: dict[str, Any] = {}
    """Typed values of the approval's `inputs`."""
    by: str | None = None
    task_run_id: str | None = None
    """Which approval; None for the first that waits."""


class BreakpointResumed(Event, frozen=True, kw_only=True):
    """Somebody lets an execution go on that stopped at a breakpoint."""

    breakpoints: tuple[Breakpoint, ...] | None = None
    """Where it shall stop next; None leaves what is set."""


class LabelsChanged(Event, frozen=True, kw_only=True):
    """Somebody replaced the labels of an ended execution."""

    labels: Labels


class ExecutionReplayed(Event, frozen=True, kw_only=True):
    """Somebody made a new execution from this one."""


class StatusChanged(Event, frozen=True, kw_only=True):
    """Somebody says how an ended execution shall count."""

    state: State


class TaskRunMarked(Event, frozen=True, kw_only=True):
    """Somebody says how a task run of an ended execution has ended; the execution goes on from there."""

    task_run_id: str
    state: State


class UnqueueRequested(Event, frozen=True, kw_only=True):
    """Somebody takes the execution out of its queue: it runs, or ends."""

    state: State = State.RUNNING


class SlotGranted(Event, frozen=True, kw_only=True):
    """The execution has a slot of its flow's concurrency limit."""


class SlotRefused(Event, frozen=True, kw_only=True):
    """No slot is free, or executions that have waited longer come first."""

    limit: int
    behavior: ConcurrencyBehavior


class SlotOffered(Event, frozen=True, kw_only=True):
    """A slot may be free for a queued execution."""


AnyEvent = (
    ExecutionCreated
    | ExecutionLoaded
    | ExecutionFailed
    | TaskRunStarted
    | TaskRunFinished
    | TaskRunLost
    | ChildRunReported
    | SubflowCreated
    | SubflowRefused
    | IterationPaused
    | SubflowEnded
    | DelayElapsed
    | KillRequested
    | PauseRequested
    | ResumeRequested
    | RestartRequested
    | ForceRunRequested
    | LabelsChanged
    | BreakpointResumed
    | ReviewGiven
    | ExecutionReplayed
    | StatusChanged
    | TaskRunMarked
    | UnqueueRequested
    | SlotGranted
    | SlotRefused
    | SlotOffered
)
"""The closed set of events."""

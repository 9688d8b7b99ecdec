"""Executions, their task runs and attempts: the rows that the store keeps (flow spec §9)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from batuta.model.flow import FlowKey
from batuta.model.labels import Labels
from batuta.model.state import History


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One try of a task run (flow spec §8.4)."""

    state: History
    log_file: str | None = None
    problem: str | None = None
    """Why it failed, in short; what expressions see as `error.message`."""


class TaskRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One task within one execution."""

    id: str
    ordinal: int
    """Its place in the execution's list of task runs, from 0 in order of creation; never used twice."""
    task_id: str
    state: History
    parent_id: str | None = None
    value: str | None = None
    """The element for which an iteration of a ForEach runs; None outside."""
    iteration: int | None = None
    attempts: tuple[Attempt, ...] = ()
    outputs: dict[str, Any] | None = None
    token: int = 0
    """Number of times this run was handed to a worker; a result that carries a smaller one is refused."""
    retry_at: datetime | None = None
    """When the next attempt starts; None when none is due."""
    memo: dict[str, Any] | None = None
    """What a flowable decided when it began (values to loop over, branch taken), so that it never decides
    twice."""
    dynamic: bool = False
    """Made by a worker, not by the engine."""

    @property
    def is_ended(self) -> bool:
        """In a terminal state."""
        return self.state.current.is_ended


class ExecutionKind(StrEnum):
    """What an execution was made for."""

    NORMAL = "NORMAL"
    TEST = "TEST"
    PLAYGROUND = "PLAYGROUND"
    LOOP = "LOOP"


class ExecutionTrigger(msgspec.Struct, frozen=True):
    """What started an execution: a trigger of a flow, or the task of a parent."""

    id: str
    type: str
    variables: dict[str, Any] = {}


class LoopItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One element of a Loop's values."""

    value: str
    index: int
    key: str | None = None
    """The key of the element where the values are a map."""


class LoopRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which iteration of which Loop an execution is (flow spec §6.9)."""

    task_id: str
    task_run_id: str
    execution_id: str
    item: LoopItem
    parents: tuple[LoopItem, ...] = ()
    """The elements of the loops around, innermost first."""


class Breakpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task before which an execution stops; for one value of a loop, or for any (flow spec §18.1)."""

    id: str
    value: str | None = None

    def stops(self, run: TaskRun) -> bool:
        """The execution stops before this run."""
        return run.task_id == self.id and self.value in (None, run.value)


class Execution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run of a flow, without its task runs."""

    id: str
    namespace: str
    flow_id: str
    revision: int
    state: History
    labels: Labels = ()
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] | None = None
    variables: dict[str, Any] | None = None
    trigger: ExecutionTrigger | None = None
    parent_id: str | None = None
    original_id: str
    attempt_number: int = 1
    original_created_at: datetime | None = None
    schedule_at: datetime | None = None
    kind: ExecutionKind = ExecutionKind.NORMAL
    next_ordinal: int = 0
    """The ordinal that the next task run gets."""
    loop: LoopRun | None = None
    """Set for an iteration of a Loop, which runs the children of that task instead of the flow's own."""
    breakpoints: tuple[Breakpoint, ...] = ()
    asked_outputs: dict[str, str] | None = None
    """Templates that the parent's task wants rendered at the end, in the context of this execution (flow spec
    §6.13)."""
    secrets: tuple[str, ...] = ()
    """What it has seen of secrets, sealed: none of them may show in its rows or its log."""
    depth: int = 0
    """How many executions are around this one: 0 unless a Subflow or a ForEachItem started it."""
    settled: bool = False
    """Ended, and everything that follows on the end (afterExecution, the parent's notice) has been done."""

    @property
    def flow_key(self) -> FlowKey:
        """The flow that runs."""
        return FlowKey(self.namespace, self.flow_id)

    @property
    def is_counted(self) -> bool:
        """Limits and quotas of its flow hold for it, and other flows may react to it."""
        return self.kind is ExecutionKind.NORMAL or self.kind is ExecutionKind.TEST

    @property
    def is_ended(self) -> bool:
        """In a terminal state; afterExecution may still run."""
        return self.state.current.is_ended

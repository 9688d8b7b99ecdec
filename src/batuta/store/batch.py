"""Everything that one transaction must do, and the rows that make work."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from batuta.engine.events import AnyEvent
from batuta.model.execution import Execution, TaskRun
from batuta.model.records import KvEntry, LogLine, Metric
from batuta.model.trigger import Firing, ReadFlow, TriggerJob, TriggerKey, TriggerRecord, Window

if TYPE_CHECKING:
    from batuta.model.flow import FlowRevision


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that waits for a worker, or is leased by one. One task run has at most one job."""

    task_run_id: str
    execution_id: str
    task_id: str
    token: int
    attempt: int
    """Number of the attempt, from 0."""
    namespace: str
    flow_id: str
    revision: int
    created_at: datetime
    after_execution: bool = False
    worker_id: str | None = None
    leased_until: datetime | None = None


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A delay that is written down. Unique by execution, task run and name."""

    execution_id: str
    task_run_id: str | None
    timer: str
    at: datetime
    token: int = 0


class SlotRequest(msgspec.Struct, frozen=True):
    """An execution asks for one of the slots of its flow (flow spec §13)."""

    execution_id: str
    limit: int
    """How many executions of the flow may be under way at once."""


class PostedEvent(msgspec.Struct, frozen=True):
    """An event that waits for the executor. `id` grows with the order of acceptance."""

    id: int
    event: AnyEvent


class Batch(msgspec.Struct, kw_only=True):
    """What one transaction does: all of it or nothing. Later entries for the same row win."""

    flows: list[FlowRevision] = []
    """New revisions; one that exists already is an `AlreadyExists` error for the whole batch."""
    executions: dict[str, Execution] = {}
    """Rows to insert or replace, by id."""
    task_runs: dict[tuple[str, int], TaskRun] = {}
    """Rows to insert or replace, by execution id and ordinal."""
    removed_task_runs: list[tuple[str, int]] = []
    """Their parts go with them."""
    parts: dict[tuple[str, int, str], Any] = {}
    """What task runs keep beside their rows: JSON data by execution id, ordinal and name."""
    dropped_parts: list[tuple[str, int]] = []
    """Task runs whose parts are removed, before `parts` are written."""
    logs: list[LogLine] = []
    metrics: list[Metric] = []
    jobs: list[Job] = []
    ended_jobs: list[tuple[str, int]] = []
    """Jobs to remove, by task run id and token; a job with a newer token stays."""
    timers: list[Timer] = []
    cancelled_timers: list[tuple[str, str | None]] = []
    """Timers to remove: execution id and task run id, None for all of the execution. Done before `timers`."""
    elapsed_timers: list[Timer] = []
    """Timers to remove because they ran out; one that was set anew for a later instant stays."""
    posted: list[AnyEvent] = []
    """Events to keep until the executor has made their step."""
    consumed: list[int] = []
    """Ids of posted events whose step this batch carries."""
    slots: list[SlotRequest] = []
    """Asked for in this order, after the rows of executions were written."""
    granted: list[str] = []
    """Filled in by the commit: ids of executions that got a slot."""
    triggers: list[TriggerRecord] = []
    """Records to write: with `version` 0 new ones, else changed ones, for which it is the version that was
    read. A version that is no longer the present one is an `Outdated` error for the whole batch."""
    removed_triggers: list[TriggerKey] = []
    """Their jobs go with them."""
    trigger_jobs: list[TriggerJob] = []
    """Evaluations for a worker; each takes the place of an older one of the same trigger."""
    held_trigger_jobs: list[tuple[TriggerKey, int]] = []
    """Jobs, by key and token, without which the batch is not to be written: an `Outdated` error for all of it
    where one is gone or was leased anew."""
    ended_trigger_jobs: list[tuple[TriggerKey, int]] = []
    """The same, and they are removed."""
    removed_trigger_jobs: list[TriggerKey] = []
    """Jobs to remove, whoever has leased them."""
    kv: list[KvEntry] = []
    """Key-value entries to write, each as the next version of its key."""
    firings: list[Firing] = []
    """Occasions to note; one that was dealt with already is an `AlreadyFired` error for the whole batch."""
    windows: list[Window] = []
    removed_windows: list[tuple[str, str, str | None]] = []
    """Windows to remove: namespace, flow, name; without a name all of the flow."""
    read_flows: list[ReadFlow] = []

    def __bool__(self) -> bool:
        return any(getattr(self, field) for field in self.__struct_fields__)

    def merge(self, other: Batch) -> None:
        """Take in another batch; its rows win."""
        self.flows += other.flows
        self.executions.update(other.executions)
        self.task_runs.update(other.task_runs)
        self.removed_task_runs += other.removed_task_runs
        for dropped in other.dropped_parts:
            self.parts = {key: value for key, value in self.parts.items() if key[:2] != dropped}
        self.dropped_parts += other.dropped_parts
        self.parts.update(other.parts)
        self.logs += other.logs
        self.metrics += other.metrics
        self.jobs += other.jobs
        self.ended_jobs += other.ended_jobs
        self.timers += other.timers
        self.cancelled_timers += other.cancelled_timers
        self.elapsed_timers += other.elapsed_timers
        self.posted += other.posted
        self.consumed += other.consumed
        self.slots += other.slots
        self.triggers += other.triggers
        self.removed_triggers += other.removed_triggers
        self.trigger_jobs += other.trigger_jobs
        self.held_trigger_jobs += other.held_trigger_jobs
        self.ended_trigger_jobs += other.ended_trigger_jobs
        self.removed_trigger_jobs += other.removed_trigger_jobs
        self.kv += other.kv
        self.firings += other.firings
        self.windows += other.windows
        self.removed_windows += other.removed_windows
        self.read_flows += other.read_flows

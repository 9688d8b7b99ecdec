"""The records of triggers: what the scheduler remembers between two ticks (triggers spec A2, A5, A6)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from batuta.model.flow import FlowKey
from batuta.model.labels import Labels
from batuta.model.state import State


class TriggerKey(NamedTuple):
    """Which trigger of which flow."""

    namespace: str
    flow_id: str
    trigger_id: str

    @property
    def flow(self) -> FlowKey:
        """The flow that declares it."""
        return FlowKey(self.namespace, self.flow_id)

    def __str__(self) -> str:
        return f"{self.namespace}.{self.flow_id}.{self.trigger_id}"


class TriggerKind(StrEnum):
    """How a trigger comes to start something. Webhook and Flow triggers have no record."""

    SCHEDULE = "SCHEDULE"
    POLLING = "POLLING"
    REALTIME = "REALTIME"


class Backfill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A range of past ticks that are started one after the other."""

    id: str
    """Tells the ticks of this backfill from those of another over the same dates."""
    start: datetime
    end: datetime
    current: datetime
    """The next tick, or the instant from which on it is looked for."""
    paused: bool = False
    inputs: dict[str, Any] = {}
    labels: Labels = ()
    previous_next_at: datetime | None = None
    """Where the schedule goes on afterwards."""


class TriggerRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one trigger."""

    namespace: str
    flow_id: str
    trigger_id: str
    kind: TriggerKind
    definition: str
    """Digest of what the flow says about the trigger; another one means that it was changed."""
    revision: int
    """The revision of the flow that was read last."""
    created_at: datetime
    updated_at: datetime
    date: datetime | None = None
    """The tick that was handled last; for a schedule not the time of the clock."""
    next_at: datetime | None = None
    """When to look at the trigger next: for a schedule the tick itself. None: not at all."""
    execution_id: str | None = None
    """The lock: an execution that this trigger started and that has not ended."""
    evaluating_since: datetime | None = None
    """The other lock: an evaluation is under way."""
    evaluated_at: datetime | None = None
    triggered_at: datetime | None = None
    """When it last started an execution, by the clock."""
    stop_after: tuple[State, ...] = ()
    disabled: bool = False
    """Switched off by people, whatever the flow says."""
    held: bool = False
    """The flow or its trigger is disabled in the flow's own text."""
    backfill: Backfill | None = None
    failing_since: datetime | None = None
    """When the first of the looks went wrong that have all gone wrong since; None while all is well."""
    failures: int = 0
    """How many they are."""
    problem: str | None = None
    """Why the last of them went wrong."""
    version: int = 0
    """Grows with each change; a change to another version than the present one is refused."""

    @property
    def key(self) -> TriggerKey:
        """Which trigger."""
        return TriggerKey(self.namespace, self.flow_id, self.trigger_id)

    @property
    def is_locked(self) -> bool:
        """It starts nothing until something under way has ended."""
        return self.execution_id is not None or self.evaluating_since is not None


class TriggerJob(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation of a trigger that waits for a worker, or is leased by one. A trigger has at most one."""

    namespace: str
    flow_id: str
    trigger_id: str
    revision: int
    since: datetime
    """`TriggerRecord.evaluating_since`."""
    token: int = 0
    """Given out by the store, another one with each lease: what comes under an older one is refused."""
    worker_id: str | None = None
    leased_until: datetime | None = None

    @property
    def key(self) -> TriggerKey:
        """Which trigger."""
        return TriggerKey(self.namespace, self.flow_id, self.trigger_id)


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """That a trigger has dealt with an occasion: a tick, or a change of an execution. Unique, so that each is
    dealt with once, whatever happens to the program in between."""

    namespace: str
    flow_id: str
    trigger_id: str
    occasion: str
    """The logical date of a tick, behind the id of a backfill where there is one; or id, number and state of
    a change."""
    at: datetime
    execution_id: str | None = None
    """What was started, if anything."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Preconditions of a Flow trigger that have been met so far (triggers spec A6.1)."""

    namespace: str
    flow_id: str
    name: str
    """Id of the preconditions."""
    start: datetime
    end: datetime
    met: tuple[str, ...] = ()
    met_at: dict[str, datetime] = {}
    """When each was met last."""
    fired: bool = False
    """All were met, and the flow was started for this window."""
    outputs: dict[str, Any] = {}
    """Outputs of the executions that met them, merged."""


class ReadFlow(msgspec.Struct, frozen=True):
    """Up to which revision the scheduler has read a flow, and whether it listens to other executions."""

    namespace: str
    flow_id: str
    revision: int
    listens: bool

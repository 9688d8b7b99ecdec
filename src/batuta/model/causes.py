"""Why something waits: the words in which an explanation is given.

A cause names what is waited for, since when, and the command that moves it; behind it stand the causes of
that cause. Whoever knows another thing that waits (a trigger whose broker is down) tells it as a `Cause`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class CauseKind(StrEnum):
    """What something waits for."""

    EXECUTOR = "EXECUTOR"
    """Its next step has not been made."""
    SCHEDULE = "SCHEDULE"
    """The date at which it shall begin."""
    CONCURRENCY = "CONCURRENCY"
    """A slot of its flow's limit."""
    SLOT_HOLDER = "SLOT_HOLDER"
    """The end of an execution that holds such a slot."""
    PAUSE = "PAUSE"
    APPROVAL = "APPROVAL"
    INTERVAL = "INTERVAL"
    """The time between two passes of a LoopUntil."""
    BREAKPOINT = "BREAKPOINT"
    RETRY = "RETRY"
    """The date of its next attempt."""
    WORKER_SLOT = "WORKER_SLOT"
    """A worker that is free."""
    WORKER = "WORKER"
    """The end of an attempt on a worker."""
    SUBFLOW = "SUBFLOW"
    """The end of an execution that it started."""
    DISABLED = "DISABLED"
    """Somebody who switches the trigger on."""
    SOURCE = "SOURCE"
    """What a trigger looks at, and which is down."""
    LOCK = "LOCK"
    """The end of an execution that a trigger has started."""
    BACKFILL = "BACKFILL"
    """The dates of a backfill."""
    DATE = "DATE"
    """The next date of a trigger."""
    MESSAGE = "MESSAGE"
    """A message, a call, or the end of an execution that starts the trigger's flow."""
    KILL = "KILL"
    """Workers that were told to stop."""
    OTHERS = "OTHERS"
    """More of the same, not listed."""


class Cause(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One thing that is waited for."""

    kind: CauseKind
    message: str
    since: datetime | None = None
    until: datetime | None = None
    """When it is over by itself; None when nobody knows."""
    task_id: str | None = None
    task_run_id: str | None = None
    value: str | None = None
    """The element of the loop in which the task stands."""
    execution_id: str | None = None
    """The other execution that is waited for."""
    command: str | None = None
    """What moves it."""
    causes: tuple[Cause, ...] = ()
    """What that waits for in its turn."""


class TriggerExplanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why a trigger starts nothing at this moment."""

    namespace: str
    flow_id: str
    trigger_id: str
    type: str
    message: str
    """What comes first, in one sentence."""
    next_date: datetime | None = None
    last_triggered_date: datetime | None = None
    causes: tuple[Cause, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why an execution has not ended."""

    execution_id: str
    namespace: str
    flow_id: str
    state: str
    since: datetime
    """When it came into this state."""
    message: str
    """The whole in one sentence."""
    causes: tuple[Cause, ...] = ()
    notes: tuple[str, ...] = ()
    """What will happen by itself, what waits for this execution, and the last errors of one that failed."""
    command: str | None = None
    """What moves an execution that has ended and could go on."""

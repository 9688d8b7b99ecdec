"""States of executions, task runs and attempts, and which may follow which (flow spec §8)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec


class State(StrEnum):
    """Where an execution, a task run or an attempt stands."""

    CREATED = "CREATED"
    QUEUED = "QUEUED"
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    BREAKPOINT = "BREAKPOINT"
    RESTARTED = "RESTARTED"
    RETRYING = "RETRYING"
    KILLING = "KILLING"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    FAILED = "FAILED"
    KILLED = "KILLED"
    CANCELLED = "CANCELLED"
    RETRIED = "RETRIED"
    SKIPPED = "SKIPPED"
    RESUBMITTED = "RESUBMITTED"

    @property
    def is_ended(self) -> bool:
        """Nothing more happens by itself."""
        return self in ENDED

    @property
    def is_waiting(self) -> bool:
        """Created or restarted, and not yet handed to anyone."""
        return self is State.CREATED or self is State.RESTARTED


ENDED = frozenset(
    {
        State.SUCCESS,
        State.WARNING,
        State.FAILED,
        State.KILLED,
        State.CANCELLED,
        State.RETRIED,
        State.SKIPPED,
        State.RESUBMITTED,
    }
)
"""The terminal states."""

_S = State
_ENDS_OF_EXECUTION = frozenset({_S.SUCCESS, _S.WARNING, _S.FAILED, _S.KILLED, _S.CANCELLED, _S.RETRIED})

EXECUTION_TRANSITIONS: dict[State, frozenset[State]] = {
    _S.CREATED: frozenset({_S.RUNNING, _S.QUEUED, _S.KILLING, _S.FAILED, _S.CANCELLED}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.KILLING, _S.CANCELLED, _S.FAILED}),
    _S.RUNNING: frozenset({_S.PAUSED, _S.RETRYING, _S.BREAKPOINT, _S.KILLING, _S.RESTARTED})
    | _ENDS_OF_EXECUTION,
    _S.PAUSED: frozenset({_S.RESTARTED, _S.RUNNING, _S.KILLING}) | _ENDS_OF_EXECUTION,
    _S.RETRYING: frozenset({_S.RUNNING, _S.KILLING, _S.PAUSED, _S.BREAKPOINT}) | _ENDS_OF_EXECUTION,
    _S.RESTARTED: frozenset({_S.RUNNING, _S.KILLING, _S.FAILED, _S.CANCELLED}),
    _S.BREAKPOINT: frozenset({_S.RUNNING, _S.KILLING}) | _ENDS_OF_EXECUTION,
    _S.KILLING: frozenset({_S.KILLED}),
    **{state: frozenset({_S.RESTARTED}) | _ENDS_OF_EXECUTION for state in _ENDS_OF_EXECUTION},
}
"""What may follow on what, for an execution (flow spec §8.2). A terminal state is left by a restart or by
hand."""

_ENDS_OF_RUN = ENDED - {_S.RESUBMITTED}

TASK_RUN_TRANSITIONS: dict[State, frozenset[State]] = {
    _S.CREATED: frozenset({_S.SUBMITTED, _S.RUNNING, _S.KILLING, _S.BREAKPOINT}) | _ENDS_OF_RUN,
    _S.SUBMITTED: frozenset({_S.RUNNING, _S.KILLING, _S.RETRYING, _S.RESTARTED, _S.CREATED}) | _ENDS_OF_RUN,
    _S.RUNNING: frozenset({_S.PAUSED, _S.KILLING, _S.RETRYING, _S.RESTARTED, _S.CREATED}) | _ENDS_OF_RUN,
    _S.PAUSED: frozenset({_S.RUNNING, _S.RESTARTED, _S.KILLING}) | _ENDS_OF_RUN,
    _S.RESTARTED: frozenset({_S.SUBMITTED, _S.RUNNING, _S.KILLING}) | _ENDS_OF_RUN,
    _S.RETRYING: frozenset({_S.CREATED, _S.KILLING}) | _ENDS_OF_RUN,
    _S.BREAKPOINT: frozenset({_S.CREATED, _S.KILLING}) | _ENDS_OF_RUN,
    _S.KILLING: frozenset({_S.KILLED, _S.SUCCESS, _S.WARNING, _S.FAILED}),
    **{state: frozenset({_S.RESTARTED, _S.RUNNING}) | _ENDS_OF_RUN for state in _ENDS_OF_RUN},
    _S.FAILED: frozenset({_S.RESTARTED, _S.RUNNING, _S.RETRYING}) | _ENDS_OF_RUN,
}
"""What may follow on what, for a task run (flow spec §8.2)."""


class Moment(msgspec.Struct, frozen=True, gc=False):
    """One entry of a history: a state and since when."""

    state: State
    at: datetime = msgspec.field(name="date")


class History(msgspec.Struct, frozen=True, gc=False):
    """All states that something went through, in order; never empty (flow spec §8.3)."""

    moments: tuple[Moment, ...]

    @classmethod
    def starting(cls, at: datetime, state: State = State.CREATED) -> History:
        """A history of one entry."""
        return cls((Moment(state, at),))

    @property
    def current(self) -> State:
        """The latest state."""
        return self.moments[-1].state

    @property
    def started_at(self) -> datetime:
        """The instant of the first entry."""
        return self.moments[0].at

    @property
    def changed_at(self) -> datetime:
        """The instant of the latest entry."""
        return self.moments[-1].at

    @property
    def ended_at(self) -> datetime | None:
        """The instant of the latest entry where that is an end or a pause, else None."""
        last = self.moments[-1]
        return last.at if last.state in ENDED or last.state is State.PAUSED else None

    def to(self, state: State, at: datetime) -> History:
        """This history with one more entry; unchanged when the state is the current one."""
        if state is self.moments[-1].state:
            return self
        return History((*self.moments, Moment(state, at)))

    def duration(self, now: datetime) -> timedelta:
        """From the first entry to the last; to `now` while there is only one entry."""
        end = self.moments[-1].at if len(self.moments) > 1 else now
        return end - self.moments[0].at

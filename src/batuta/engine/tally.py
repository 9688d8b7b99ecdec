"""Counted view of the task runs in one list of children, so that no rule ever walks them."""

from __future__ import annotations

from batuta.model.execution import TaskRun
from batuta.model.state import ENDED, State

_COUNTED = {
    State.FAILED: "failed",
    State.KILLED: "killed",
    State.WARNING: "warning",
    State.PAUSED: "paused",
}


class Tally:
    """How many runs a list has, and how they stand. `last_id` is the run that was created last."""

    __slots__ = ("ended", "failed", "killed", "last_id", "paused", "total", "warning")

    def __init__(self) -> None:
        self.total = 0
        self.ended = 0
        self.failed = 0
        self.killed = 0
        self.warning = 0
        self.paused = 0
        self.last_id: str | None = None

    @property
    def open(self) -> int:
        """Runs that have not ended."""
        return self.total - self.ended

    def count(self, state: State, by: int) -> None:
        """Add `by` runs (1 or -1) in a state."""
        if state in ENDED:
            self.ended += by
        name = _COUNTED.get(state)
        if name is not None:
            setattr(self, name, getattr(self, name) + by)

    def figures(self) -> tuple[int, ...]:
        """All counts, for comparison with a recount."""
        return (self.total, self.ended, self.failed, self.killed, self.warning, self.paused)


NOTHING = Tally()
"""The tally of a list without runs; never changed."""


def fold(tally: Tally, *, allow_failure: bool = False, allow_warning: bool = False) -> State:
    """Combine the states of the `tasks` of a parent into the parent's own (flow spec §5.4)."""
    if tally.killed:
        state = State.KILLED
    elif tally.failed:
        state = State.FAILED
    elif tally.warning:
        state = State.WARNING
    elif tally.paused:
        state = State.PAUSED
    else:
        state = State.SUCCESS
    return softened(state, allow_failure=allow_failure, allow_warning=allow_warning)


def softened(state: State, *, allow_failure: bool, allow_warning: bool) -> State:
    """What `allowFailure` and `allowWarning` make of a final state (flow spec §4)."""
    if state is State.FAILED and allow_failure:
        state = State.WARNING
    if state is State.WARNING and allow_warning:
        state = State.SUCCESS
    return state


def recount(runs: list[TaskRun]) -> tuple[int, ...]:
    """The figures that a tally of these runs must show."""
    tally = Tally()
    for run in runs:
        tally.total += 1
        tally.count(run.state.current, 1)
    return tally.figures()

"""Breakpoints: an execution stops before a task, until somebody lets it go on (flow spec §18.1)."""

from __future__ import annotations

from batuta.engine.draft import Draft
from batuta.model.execution import TaskRun
from batuta.model.state import State
from batuta.model.task import LogLevel


def suspend(draft: Draft, run: TaskRun) -> bool:
    """Stop before a run if a breakpoint says so. While the execution is stopped, other runs wait beside it.

    No run stops twice, so that a retry does not.
    """
    if draft.state is State.BREAKPOINT:
        return True
    if any(moment.state is State.BREAKPOINT for moment in run.state.moments):
        return False
    if run.state.current is not State.CREATED or not any(
        each.stops(run) for each in draft.execution.breakpoints
    ):
        return False
    draft.move(run, State.BREAKPOINT)
    draft.log(LogLevel.INFO, "Flow is suspended at a breakpoint.", run)
    if draft.state in (State.RUNNING, State.RETRYING):
        draft.move_execution(State.BREAKPOINT)
    return True

"""An execution as it was right after it was set on its way again, however far it has come since.

A restart answers with the execution after the change (API spec §8). Quick tasks are over before it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from batuta.model.execution import Execution, TaskRun
from batuta.model.state import History, State


def as_restarted(execution: Execution, runs: Iterable[TaskRun]) -> tuple[Execution, list[TaskRun]]:
    """The execution and its task runs at the moment of its latest RESTARTED; as they are without one."""
    moments = execution.state.moments
    places = [place for place, moment in enumerate(moments) if moment.state is State.RESTARTED]
    if not places:
        return execution, list(runs)
    at = moments[places[-1]].at
    execution = msgspec.structs.replace(
        execution, state=History(moments[: places[-1] + 1]), outputs=None, settled=False
    )
    return execution, [_run_at(run, at) for run in runs if run.state.started_at < at]


def _run_at(run: TaskRun, at: datetime) -> TaskRun:
    """The task run with what the step of that moment made of it first, and nothing that came later."""
    before = [moment for moment in run.state.moments if moment.at < at]
    then = [moment for moment in run.state.moments if moment.at == at]
    attempts = tuple(attempt for attempt in run.attempts if attempt.state.started_at < at)
    return msgspec.structs.replace(run, state=History((*before, *then[:1])), attempts=attempts)

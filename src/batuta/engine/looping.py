"""Passes of a LoopUntil (flow spec §6.10)."""

from __future__ import annotations

import msgspec

from batuta import expr
from batuta.engine.commands import SetTimer
from batuta.engine.draft import Draft
from batuta.engine.endings import end_flowable
from batuta.engine.flowables.loop_until import LoopUntil
from batuta.engine.pausing import go_on
from batuta.model.execution import TaskRun
from batuta.model.state import History, State
from batuta.model.task import LogLevel

LOOP_TIMER = "loop"


def next_pass(draft: Draft, run: TaskRun, loop: LoopUntil, state: State) -> None:
    """All children of a pass have succeeded: the loop ends, or waits for its next pass."""
    if expr.is_truthy_text(draft.render(loop.condition, run)):
        end_flowable(draft, run, state)
        return
    done = int((run.memo or {}).get("pass", 1))
    frequency = loop.check_frequency
    reached = None
    if frequency.max_iterations is not None and done >= frequency.max_iterations:
        reached = "Max iterations reached"
    elif frequency.max_duration is not None and draft.now > run.state.started_at + frequency.max_duration:
        reached = "Max duration reached"
    if reached is not None:
        if loop.fail_on_max_reached:
            draft.log(LogLevel.ERROR, reached, run)
        end_flowable(draft, run, State.FAILED if loop.fail_on_max_reached else state)
        return
    run = draft.move(run, State.PAUSED, memo={**(run.memo or {}), "pass": done + 1})
    if draft.state in (State.RUNNING, State.RETRYING):
        draft.move_execution(State.PAUSED)
    draft.command(
        SetTimer(timer=LOOP_TIMER, at=draft.now + frequency.interval, task_run_id=run.id, token=done)
    )


def interval_over(draft: Draft, run: TaskRun) -> None:
    """The next pass begins: the children of the last one are gone, and the run is as it was when it began."""
    if run.state.current is not State.PAUSED:
        return
    draft.remove([*draft.ledger.below(run.id)])
    run = draft.ledger.runs[run.id]
    number = int((run.memo or {})["pass"])
    draft.put(
        msgspec.structs.replace(
            run,
            state=History((run.state.moments[0],)).to(State.RUNNING, draft.now),
            iteration=number - 1 if run.value is None else run.iteration,
            outputs={"iterationCount": number},
        )
    )
    draft.touch(run.id)
    if draft.state is State.PAUSED and not any(
        other.state.current is State.PAUSED for other in draft.ledger.runs.values()
    ):
        go_on(draft, State.RUNNING)

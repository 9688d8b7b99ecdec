"""Passes of a LoopUntil, and pauses inside of the iterations of a Loop (flow spec §6.9, §6.10)."""

from __future__ import annotations

import msgspec

from batuta import expr
from batuta.engine import events as on
from batuta.engine import spawning
from batuta.engine.commands import SetTimer, TellPause
from batuta.engine.draft import Draft
from batuta.engine.endings import end_flowable, started_by
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
    pause = frequency.between(draft.ledger.outline.place(run.task_id).task.written_type)
    draft.command(SetTimer(timer=LOOP_TIMER, at=draft.now + pause, task_run_id=run.id, token=done))


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


def tell_pause(draft: Draft) -> None:
    """A Loop is paused while one of its iterations is, so it hears of each change."""
    loop, before = draft.execution.loop, draft.before.state.current
    now = draft.state
    if loop is None or now.is_ended or (before is State.PAUSED) is (now is State.PAUSED):
        return
    if started_by(draft.execution) is None:
        # A replay of the iteration, for which nobody waits.
        return
    draft.command(
        TellPause(
            parent_execution_id=loop.execution_id,
            task_run_id=loop.task_run_id,
            child_id=draft.execution.id,
            index=loop.item.index,
            paused=now is State.PAUSED,
        )
    )


def paused(draft: Draft, event: on.IterationPaused) -> None:
    """An iteration of a Loop is paused, or goes on: so is the Loop, and with it the execution."""
    run = draft.ledger.run(event.task_run_id)
    if run is None or run.is_ended or run.state.current is State.KILLING:
        return
    if not spawning.waits_for(draft, run, event.child_id, event.index):
        return
    resting = {*((run.memo or {}).get("paused") or ())} - {event.index}
    if event.paused:
        resting.add(event.index)
    _rest(draft, run, resting)


def _rest(draft: Draft, run: TaskRun, resting: set[int]) -> TaskRun:
    """Note which iterations are paused, and be paused as long as there is one."""
    run = draft.move(run, memo={**(run.memo or {}), "paused": sorted(resting)})
    if resting and run.state.current is State.RUNNING:
        run = draft.move(run, State.PAUSED)
        if draft.state in (State.RUNNING, State.RETRYING):
            draft.move_execution(State.PAUSED)
    elif not resting and run.state.current is State.PAUSED:
        run = draft.move(run, State.RUNNING)
        others = any(each.state.current is State.PAUSED for each in draft.ledger.runs.values())
        if draft.state is State.PAUSED and not others:
            go_on(draft, State.RUNNING)
        spawning.go_on(draft, run)
        run = draft.ledger.runs[run.id]
    return run


def end_rest(draft: Draft, run: TaskRun, index: int) -> TaskRun:
    """An iteration has ended; if it was paused, it is no more."""
    resting = {*((run.memo or {}).get("paused") or ())}
    return _rest(draft, run, resting - {index}) if index in resting else run

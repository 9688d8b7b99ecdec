"""Pauses: how an execution stops, and how it goes on (flow spec §6.11, §15)."""

from __future__ import annotations

from typing import Any

from batuta.engine import events as on
from batuta.engine import spawning
from batuta.engine.commands import CancelTimers
from batuta.engine.dispatch import dispatch, exit_with
from batuta.engine.draft import Draft
from batuta.engine.endings import end_flowable
from batuta.engine.flowables.pause import Pause, PauseBehavior
from batuta.engine.outline import ERRORS, FINALLY, TASKS, Kind
from batuta.model.execution import Breakpoint, TaskRun
from batuta.model.state import State
from batuta.plugin import registry


def pause_execution(draft: Draft) -> None:
    """Nothing new starts; what runs goes on to its end."""
    if draft.state is State.RUNNING:
        draft.move_execution(State.PAUSED)


def first_paused(draft: Draft) -> TaskRun | None:
    """The Pause that a resume is meant for when it names none."""
    return next(
        (
            run
            for run in draft.ledger.runs.values()
            if run.state.current is State.PAUSED and is_pause(draft, run)
        ),
        None,
    )


def is_pause(draft: Draft, run: TaskRun) -> bool:
    """The run is that of a Pause task, not of another that waits."""
    place = draft.ledger.outline.places.get(run.task_id)
    return place is not None and issubclass(registry.load(place.task.type), Pause)


def resume(draft: Draft, event: on.ResumeRequested) -> None:
    """Somebody lets the execution go on; whatever the pause's `behavior`, this succeeds."""
    if draft.state is not State.PAUSED:
        return
    run = first_paused(draft) if event.task_run_id is None else draft.ledger.run(event.task_run_id)
    if run is None:
        if not any(each.state.current is State.PAUSED for each in draft.ledger.runs.values()):
            go_on(draft, State.RUNNING)
        return
    if run.state.current is State.PAUSED and is_pause(draft, run):
        outputs: dict[str, Any] = {}
        if event.inputs:
            outputs["onResume"] = event.inputs
        outputs["resumed"] = {
            "by": event.by,
            "on": draft.now.isoformat().replace("+00:00", "Z"),
            "to": "RUNNING",
        }
        leave(draft, run, State.SUCCESS, outputs)


def delay_over(draft: Draft, run: TaskRun) -> None:
    """The pause's time is over: its `behavior` decides."""
    if run.state.current is not State.PAUSED:
        return
    match PauseBehavior((run.memo or {}).get("behavior", "RESUME")):
        case PauseBehavior.RESUME:
            leave(draft, run, State.SUCCESS, None)
        case PauseBehavior.WARN:
            leave(draft, run, State.WARNING, None)
        case PauseBehavior.FAIL:
            leave(draft, run, State.FAILED, None)
        case PauseBehavior.CANCEL:
            exit_with(draft, run, State.CANCELLED)


def leave(draft: Draft, run: TaskRun, target: State, outputs: dict[str, Any] | None) -> None:
    """End a pause in a state, after the tasks below it if there are any, and let the execution go on."""
    changes: dict[str, Any] = {} if outputs is None else {"outputs": {**(run.outputs or {}), **outputs}}
    draft.command(CancelTimers(task_run_id=run.id))
    outline = draft.ledger.outline
    # A pause that fails runs its handlers, not its tasks (flow spec §5.3).
    branches = (ERRORS, FINALLY) if target is State.FAILED else (TASKS, ERRORS, FINALLY)
    has_work = any(outline.branch(run.task_id, name) for name in branches)
    if target is State.SUCCESS or has_work:
        run = draft.move(run, State.RUNNING, **changes)
    else:
        run = end_flowable(draft, run, target, **changes)
    if not any(other.state.current is State.PAUSED for other in draft.ledger.runs.values()):
        go_on(draft, State.RESTARTED, State.RUNNING)
    if run.is_ended:
        return
    if has_work:
        draft.move(run, memo={**(run.memo or {}), "target": target.value})
        draft.touch(run.id)
    else:
        end_flowable(draft, run, target)


def go_on(draft: Draft, *states: State) -> None:
    """The execution runs again; everything under way is looked at."""
    draft.move_execution(*states)
    draft.touch(None)
    for run_id in draft.ledger.flowables_under_way():
        draft.touch(run_id)
    for run_id in draft.ledger.leaves_under_way():
        run = draft.ledger.runs[run_id]
        if run.state.current is State.CREATED:
            # Its delay was over while the execution was paused.
            dispatch(draft, run)
    start_held(draft)


def start_held(draft: Draft) -> None:
    """Tasks that start many executions go on; those that ended meanwhile have made room for others."""
    outline = draft.ledger.outline
    for run_id in draft.ledger.flowables_under_way():
        run = draft.ledger.runs[run_id]
        place = outline.places.get(run.task_id)
        is_under_way = run.state.current is State.RUNNING and spawning.is_begun(draft, run)
        if is_under_way and place is not None and outline.kind(place.task) is Kind.SPAWNING:
            spawning.go_on(draft, run)


def leave_breakpoint(draft: Draft, breakpoints: tuple[Breakpoint, ...] | None) -> None:
    """What stopped at a breakpoint goes on (flow spec §15); other breakpoints take the place of the present
    ones if they are given."""
    if draft.state is not State.BREAKPOINT:
        return
    if breakpoints is not None:
        draft.change_execution(breakpoints=breakpoints)
    for run_id in draft.ledger.leaves_under_way():
        run = draft.ledger.runs[run_id]
        if run.state.current is State.BREAKPOINT:
            draft.move(run, State.CREATED)
    go_on(draft, State.RUNNING)

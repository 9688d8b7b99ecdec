"""From a created task run to one that is under way: its condition, then by the kind of its task (flow spec
§5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from batuta import expr, iso8601
from batuta.engine import breakpoints, listening, spawning
from batuta.engine.commands import CancelTimers, RunTask, SetTimer, StartSubflow, StopSubflows, StopTaskRuns
from batuta.engine.draft import Draft, attempt_ended, attempt_started
from batuta.engine.endings import end_run, end_what_waits, fail_run, finish_attempt
from batuta.engine.flowables.base import Child, Flowable
from batuta.engine.flowables.subflow import Subflow, depth_below
from batuta.engine.inline.base import UpdatingTask
from batuta.engine.outline import Kind, Place
from batuta.engine.scope import Scope
from batuta.errors import BatutaError, FlowError, TaskError
from batuta.model.execution import TaskRun
from batuta.model.state import State
from batuta.model.task import LogLevel

PAUSE_TIMER = "pause"
TIMEOUT_TIMER = "timeout"


def start_child(draft: Draft, child: Child, parent_id: str | None) -> None:
    """Create a run and dispatch it."""
    run = draft.create(child.task, parent_id=parent_id, value=child.value, iteration=child.iteration)
    dispatch(draft, run)


def dispatch(draft: Draft, run: TaskRun) -> None:
    """Set a created or restarted run on its way."""
    place = draft.ledger.outline.place(run.task_id)
    task = place.task
    if draft.execution.breakpoints and not place.after_execution and breakpoints.suspend(draft, run):
        return
    if task.conditions:
        try:
            wanted = listening.is_wanted(draft, task)
        except (BatutaError, expr.ExpressionError) as error:
            fail_run(draft, run, task, f"Unable to evaluate the conditions of the listener: {error}")
            return
        if not wanted:
            end_run(draft, run, task, State.SKIPPED, attempts=attempt_ended(run, State.SKIPPED, draft.now))
            return
    if task.when is not None:
        try:
            wanted = expr.is_truthy_text(draft.render(task.when, run))
        except expr.ExpressionError as error:
            fail_run(draft, run, task, f"Unable to evaluate the runIf condition for task {task.id}\n{error}")
            return
        if not wanted:
            end_run(draft, run, task, State.SKIPPED, attempts=attempt_ended(run, State.SKIPPED, draft.now))
            return
    try:
        kind = draft.ledger.outline.kind(task)
    except FlowError as error:
        fail_run(draft, run, task, str(error))
        return
    match kind:
        case Kind.INLINE:
            run = draft.put(_handed_over(run))
            draft.command(RunTask(run=run, task=task, after_execution=place.after_execution))
        case Kind.RUNNABLE:
            _submit(draft, run, place)
        case Kind.FLOWABLE:
            _begin(draft, run, place)
        case Kind.DELEGATED:
            _submit(draft, run, place, memo={})
        case Kind.UPDATING:
            _update(draft, run, place)
        case Kind.EXECUTABLE:
            _start_subflow(draft, run, place)
        case Kind.SPAWNING:
            spawning.begin(draft, run, place)


def _handed_over(run: TaskRun) -> TaskRun:
    return msgspec.structs.replace(run, token=run.token + 1, retry_at=None)


def _submit(draft: Draft, run: TaskRun, place: Place, **changes: Any) -> None:
    run = draft.move(_handed_over(run), State.SUBMITTED, **changes)
    draft.command(RunTask(run=run, task=place.task, after_execution=place.after_execution))


def _begin(draft: Draft, run: TaskRun, place: Place) -> None:
    task = place.task
    try:
        flowable: Flowable = draft.form(run)
        begun = flowable.begin(Scope(draft, run, task))
    except (TaskError, expr.ExpressionError) as error:
        draft.ledger.forms.pop(run.id, None)
        fail_run(draft, run, task, str(error))
        return
    run = draft.move(
        run,
        State.RUNNING,
        memo=begun.memo,
        outputs=begun.outputs if begun.outputs is not None else run.outputs,
        attempts=attempt_started(run, draft.now),
    )
    if begun.end is not None and not place.task.branches.get("finally"):
        draft.ledger.forms.pop(run.id, None)
        end_run(draft, run, task, begun.end, attempts=attempt_ended(run, begun.end, draft.now))
        return
    if begun.pause:
        pause(draft, run)
        return
    draft.touch(run.id)


def pause(draft: Draft, run: TaskRun) -> None:
    """A Pause stops the execution, until its time or somebody's word (flow spec §6.11)."""
    task = draft.ledger.outline.place(run.task_id).task
    if draft.execution.is_ended:
        fail_run(draft, run, task, "an execution that has ended cannot be paused")
        return
    run = draft.move(run, State.PAUSED)
    if draft.state is not State.PAUSED:
        draft.move_execution(State.PAUSED)
    until = (run.memo or {}).get("until")
    if until is not None:
        draft.command(
            SetTimer(timer=PAUSE_TIMER, at=datetime.fromisoformat(until), task_run_id=run.id, token=run.token)
        )
    elif task.timeout is not None:
        at = draft.now + iso8601.parse_duration(draft.render(task.timeout, run) or "")
        draft.command(SetTimer(timer=TIMEOUT_TIMER, at=at, task_run_id=run.id, token=run.token))
    for child in draft.ledger.outline.branch(run.task_id, "onPause"):
        start_child(draft, Child(child), run.id)


def _update(draft: Draft, run: TaskRun, place: Place) -> None:
    task = place.task
    run = draft.move(run, State.RUNNING, attempts=attempt_started(run, draft.now))
    try:
        updating: UpdatingTask = draft.ledger.outline.form(task).build(lambda text: draft.render(text, run))
        update = updating.update(draft.execution, draft.names(run)["vars"])
    except (BatutaError, expr.ExpressionError) as error:
        fail_run(draft, run, task, str(error))
        return
    if update.labels is not None:
        draft.change_execution(labels=update.labels)
    if update.variables is not None:
        draft.change_execution(variables=update.variables)
    if update.exit is not None:
        exit_with(draft, run, update.exit)
        return
    end_run(draft, run, task, State.SUCCESS, attempts=attempt_ended(run, State.SUCCESS, draft.now))


def exit_with(draft: Draft, run: TaskRun, state: State) -> None:
    """End the run, everything around it and the execution in one state (flow spec §7)."""
    draft.move(run, state, attempts=attempt_ended(run, state, draft.now))
    for ancestor in draft.ledger.ancestors(run):
        draft.move(ancestor, state, attempts=attempt_ended(ancestor, state, draft.now))
    if state is State.KILLED:
        others = [each for each in draft.ledger.runs.values() if not each.is_ended]
        draft.move_execution(State.KILLING, State.KILLED)
        for each in others:
            draft.move(each, State.KILLING if each.memo is None and each.attempts else State.KILLED)
        draft.command(StopTaskRuns(task_run_ids=tuple(each.id for each in others if each.memo is None)))
        draft.command(StopSubflows())
    else:
        draft.move_execution(state)
        end_what_waits(draft, state)
    draft.command(CancelTimers())
    draft.touch(None)


def _start_subflow(draft: Draft, run: TaskRun, place: Place) -> None:
    task = place.task
    run = draft.move(
        _handed_over(run), State.RUNNING, attempts=attempt_started(run, draft.now), outputs=run.outputs
    )
    try:
        subflow: Subflow = draft.ledger.outline.form(task).build(lambda text: draft.render(text, run))
        labels = subflow.child_labels(draft.execution.labels)
        depth = depth_below(draft.execution.depth, f"{subflow.namespace}.{subflow.flow_id}")
    except (BatutaError, expr.ExpressionError) as error:
        draft.log(LogLevel.ERROR, str(error), run)
        finish_attempt(draft, run, State.FAILED, None, problem=str(error))
        return
    execution = draft.execution
    trigger: dict[str, Any] = {
        "executionId": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "flowRevision": execution.revision,
        "taskRunId": run.id,
    }
    if run.value is not None:
        trigger["taskRunValue"] = run.value
    if run.iteration is not None:
        trigger["taskRunIteration"] = run.iteration
    draft.command(
        StartSubflow(
            run=run,
            task=task,
            namespace=subflow.namespace,
            flow_id=subflow.flow_id,
            revision=subflow.revision,
            inputs=subflow.inputs,
            labels=labels,
            schedule_at=subflow.schedule_date,
            asked_outputs=subflow.asked_outputs,
            trigger=trigger,
            depth=depth,
        )
    )


def _as_written(templates: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if templates is None else {name: str(text) for name, text in templates.items()}

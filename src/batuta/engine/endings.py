"""How task runs end: what an attempt's result makes of its run, and what follows on it."""

from __future__ import annotations

from typing import Any

from batuta import expr
from batuta.engine import retry
from batuta.engine.commands import CancelTimers, CreateExecution, SetTimer, StopTaskRuns, TellParent
from batuta.engine.draft import Draft, attempt_cut, attempt_ended
from batuta.engine.outline import Kind
from batuta.engine.tally import softened
from batuta.model.execution import Execution, TaskRun
from batuta.model.state import State
from batuta.model.task import LogLevel, RetryBehavior, Task

RETRY_TIMER = "retry"
PARENT_RUN = "taskRunId"
"""Variable of a child's trigger that names the task run which waits for it."""
ITERATION = "iteration"
"""Variable of a child's trigger that says which one of many it is."""
_STOPPING = ("CANCEL", "CANCELLED", "FAIL", "FAILED")


def started_by(execution: Execution) -> str | None:
    """The task run that waits for an execution, if there is one."""
    waiting = None if execution.trigger is None else execution.trigger.variables.get(PARENT_RUN)
    return waiting if isinstance(waiting, str) else None


def finish_attempt(
    draft: Draft,
    run: TaskRun,
    state: State,
    outputs: dict[str, Any] | None,
    *,
    log_file: str | None = None,
    problem: str | None = None,
) -> None:
    """An attempt ended in `state`: the run is tried again, or ends (flow spec §4, §12)."""
    task = draft.ledger.outline.place(run.task_id).task
    attempts = attempt_ended(run, state, draft.now, log_file=log_file, problem=problem)
    changes: dict[str, Any] = {"attempts": attempts}
    if outputs is not None:
        changes["outputs"] = outputs
    if run.state.current is State.KILLING and state is not State.KILLED:
        state = State.KILLED if state is State.FAILED else state
    if state is State.FAILED:
        policy = retry.policy_of(draft.ledger, run)
        if policy is not None and not draft.execution.is_ended and draft.state is not State.KILLING:
            if policy.behavior is RetryBehavior.CREATE_NEW_EXECUTION:
                if _retry_as_new_execution(draft, run, changes):
                    return
            else:
                at = retry.next_attempt_at(policy, attempts, seed=run.id)
                if at is not None:
                    run = draft.move(run, State.FAILED, State.RETRYING, retry_at=at, **changes)
                    if draft.state is State.RUNNING:
                        draft.move_execution(State.RETRYING)
                    draft.command(SetTimer(timer=RETRY_TIMER, at=at, task_run_id=run.id, token=run.token))
                    return
    elif state is State.SUCCESS and len(attempts) > 1:
        policy = retry.policy_of(draft.ledger, run)
        if policy is not None and policy.warning_on_retry:
            state = State.WARNING
    end_run(draft, run, task, state, **changes)


def _retry_as_new_execution(draft: Draft, run: TaskRun, changes: dict[str, Any]) -> bool:
    execution = draft.execution
    policy = retry.policy_of(draft.ledger, run)
    assert policy is not None
    at = retry.next_date(
        policy,
        execution.attempt_number,
        execution.original_created_at or execution.state.started_at,
        draft.now,
        seed=execution.id,
    )
    if at is None:
        return False
    draft.move(run, State.FAILED, State.RETRIED, **changes)
    for ancestor in draft.ledger.ancestors(run):
        draft.move(ancestor, State.RETRIED)
    draft.move_execution(State.RETRIED)
    end_what_waits(draft, State.RETRIED)
    draft.command(CancelTimers())
    draft.command(CreateExecution(at=at))
    draft.touch(None)
    return True


def end_run(draft: Draft, run: TaskRun, task: Task, state: State, **changes: Any) -> TaskRun:
    """Put a run into its final state, after its allow flags, and have its parent looked at."""
    state = softened(state, allow_failure=task.allow_failure, allow_warning=task.allow_warning)
    run = draft.move(run, state, **changes)
    draft.touch(run.parent_id, run)
    if state is State.FAILED:
        _stop_siblings(draft, run)
    return run


def fail_run(draft: Draft, run: TaskRun, task: Task, message: str) -> TaskRun:
    """End a run that could not even be started; it is not tried again (flow spec §4.1)."""
    draft.log(LogLevel.ERROR, message, run)
    attempts = attempt_ended(run, State.FAILED, draft.now, problem=message)
    return end_run(draft, run, task, State.FAILED, attempts=attempts)


def end_flowable(draft: Draft, run: TaskRun, state: State, **changes: Any) -> TaskRun:
    """End a flowable, and with it every run below that has not ended, so that none hangs (flow spec §5.4)."""
    task = draft.ledger.outline.place(run.task_id).task
    state = softened(state, allow_failure=task.allow_failure, allow_warning=task.allow_warning)
    draft.ledger.forms.pop(run.id, None)
    for below in list(draft.ledger.below(run.id)):
        if not below.is_ended:
            draft.move(below, state)
            draft.command(CancelTimers(task_run_id=below.id))
    _leave_retrying(draft)
    run = draft.move(run, state, attempts=attempt_ended(run, state, draft.now), **changes)
    draft.touch(run.parent_id, run)
    if state is State.FAILED:
        _stop_siblings(draft, run)
    return run


def _stop_siblings(draft: Draft, run: TaskRun) -> None:
    """Where the parent asks for it, a failed child takes the others down (`onChildFailure`, flow §6.2)."""
    if run.parent_id is None:
        return
    form = draft.ledger.forms.get(run.parent_id)
    wish = getattr(form, "on_child_failure", "CONTINUE")
    if wish not in _STOPPING:
        return
    state = State.FAILED if wish.startswith("FAIL") else State.CANCELLED
    interrupt(draft, [r for r in draft.ledger.below(run.parent_id) if not r.is_ended], state)


def interrupt(draft: Draft, runs: list[TaskRun], state: State) -> None:
    """End runs that are under way in a state, and have their workers stop."""
    leaves = tuple(run.id for run in runs if run.memo is None)
    for run in runs:
        draft.move(run, state, attempts=attempt_cut(run, state, draft.now))
        draft.command(CancelTimers(task_run_id=run.id))
        draft.touch(run.parent_id)
    _leave_retrying(draft)
    if leaves:
        draft.command(StopTaskRuns(task_run_ids=leaves))


def _leave_retrying(draft: Draft) -> None:
    """An execution waits for retries only while a run of it does."""
    if draft.state is State.RETRYING:
        runs = draft.ledger.runs
        if not any(runs[run_id].state.current is State.RETRYING for run_id in draft.ledger.open_leaves):
            draft.move_execution(State.RUNNING)
            draft.touch(None)


def is_flowable(kind: Kind) -> bool:
    """The run of such a task has children."""
    return kind in (Kind.FLOWABLE, Kind.DELEGATED)


def end_what_waits(draft: Draft, state: State) -> None:
    """The execution is over in a state: so are the runs of which nobody else would tell the end, that none
    hangs. What is on a worker goes on, and so do the children of Subflows (flow spec §7)."""
    for run_id in (*draft.ledger.flowables_under_way(), *draft.ledger.leaves_under_way()):
        run = draft.ledger.runs[run_id]
        if not _has_its_own_end(draft, run):
            draft.ledger.forms.pop(run_id, None)
            draft.move(run, state, attempts=attempt_cut(run, state, draft.now))


def _has_its_own_end(draft: Draft, run: TaskRun) -> bool:
    """A worker, or the child of a Subflow, will still say how the run ended."""
    if run.state.current is State.KILLING:
        return True
    place = draft.ledger.outline.places.get(run.task_id)
    if place is None or run.state.current not in (State.SUBMITTED, State.RUNNING):
        return False
    kind = draft.ledger.outline.kind(place.task)
    return kind in (Kind.RUNNABLE, Kind.INLINE, Kind.EXECUTABLE) or (
        kind is Kind.DELEGATED and "worker" not in (run.memo or {})
    )


def cut_short(draft: Draft, state: State) -> None:
    """End an execution in the middle, FAILED or CANCELLED (flow spec §14.1).

    What runs is killed, and neither handlers nor outputs follow. Where the execution failed, its last run
    under way has failed, with all that is around it.
    """
    places = draft.ledger.outline.places
    under_way = [
        run
        for run in draft.ledger.runs.values()
        if not run.is_ended and not (run.task_id in places and places[run.task_id].after_execution)
    ]
    failed: set[str] = set()
    if state is State.FAILED and under_way:
        failed = {under_way[-1].id, *(each.id for each in draft.ledger.ancestors(under_way[-1]))}
    for run in under_way:
        end = State.FAILED if run.id in failed else State.KILLED
        draft.ledger.forms.pop(run.id, None)
        draft.move(run, end, attempts=attempt_cut(run, end, draft.now))
    leaves = tuple(run.id for run in under_way if run.memo is None or is_delegate(draft, run))
    if leaves:
        draft.command(StopTaskRuns(task_run_ids=leaves))
    draft.command(CancelTimers())
    draft.move_execution(state)
    draft.touch(None)


def is_delegate(draft: Draft, run: TaskRun) -> bool:
    """The run is a flowable that a worker runs as one job."""
    place = draft.ledger.outline.places.get(run.task_id)
    return place is not None and draft.ledger.outline.kind(place.task) is Kind.DELEGATED


def refuse(draft: Draft, state: State) -> None:
    """End an execution that may not begin: no task runs, and whoever waits for it hears at once (flow spec
    §13.2)."""
    draft.move_execution(state)
    settle(draft)


def settle(draft: Draft) -> None:
    """Nothing of the execution is left to do: tell who waits for its end."""
    execution = draft.execution
    draft.change_execution(settled=True)
    if draft.ledger.outline.slas and execution.state.current is not State.RETRIED:
        # The timer of a RETRIED one is that of its next try.
        draft.command(CancelTimers())
    trigger, waiting = execution.trigger, started_by(execution)
    if trigger is None or waiting is None or execution.state.current is State.RETRIED:
        return
    outputs, problem = execution.outputs, None
    if execution.asked_outputs is not None:
        try:
            outputs = draft.render_deep(execution.asked_outputs)
        except expr.ExpressionError as error:
            outputs, problem = None, str(error)
    draft.command(
        TellParent(
            parent_execution_id=str(trigger.variables["executionId"]),
            task_run_id=waiting,
            index=trigger.variables.get(ITERATION),
            original_id=execution.original_id,
            state=execution.state.current,
            outputs=outputs,
            problem=problem,
        )
    )

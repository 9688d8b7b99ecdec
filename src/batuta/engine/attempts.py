"""What workers tell of attempts. A word with an old token is from an attempt that counts no more (flow spec
§5.1)."""

from __future__ import annotations

from typing import Any

from batuta import ids
from batuta.engine import events as on
from batuta.engine.dispatch import dispatch
from batuta.engine.draft import Draft, attempt_ended, attempt_started
from batuta.engine.endings import end_run, finish_attempt
from batuta.engine.outline import FINALLY, Kind
from batuta.model.execution import TaskRun
from batuta.model.state import State


def _current(draft: Draft, task_run_id: str, token: int) -> TaskRun | None:
    """The run, unless it has ended or the word is about an earlier attempt."""
    run = draft.ledger.run(task_run_id)
    return None if run is None or run.is_ended or token != run.token else run


def started(draft: Draft, event: on.TaskRunStarted) -> None:
    """A worker began an attempt."""
    run = _current(draft, event.task_run_id, event.token)
    if run is not None and run.state.current in (State.SUBMITTED, State.CREATED, State.RESTARTED):
        draft.move(run, State.RUNNING, attempts=attempt_started(run, draft.now))


def finished(draft: Draft, event: on.TaskRunFinished) -> None:
    """An attempt ended; its run ends or is tried again."""
    run = _current(draft, event.task_run_id, event.token)
    if run is None or run.state.current in (State.RETRYING, State.PAUSED):
        return
    if run.state.current is not State.RUNNING and run.state.current is not State.KILLING:
        run = draft.move(run, State.RUNNING, attempts=attempt_started(run, draft.now))
    task = draft.ledger.outline.place(run.task_id).task
    if draft.ledger.outline.kind(task) is Kind.DELEGATED and event.state is not State.KILLED:
        _delegate_finished(draft, run, event)
        return
    finish_attempt(draft, run, event.state, event.outputs, log_file=event.log_file, problem=event.problem)
    if event.state is State.KILLED:
        for ancestor in draft.ledger.ancestors(run):
            draft.touch(ancestor.id)


def _delegate_finished(draft: Draft, run: TaskRun, event: on.TaskRunFinished) -> None:
    """The job of a WorkingDirectory is done; its handlers, if there are any, come before its end."""
    task = draft.ledger.outline.place(run.task_id).task
    handled = event.state is State.FAILED and draft.ledger.outline.branch(task.id, "errors")
    if not handled and not draft.ledger.outline.branch(task.id, FINALLY):
        finish_attempt(draft, run, event.state, event.outputs, log_file=event.log_file, problem=event.problem)
        return
    draft.move(
        run,
        State.RUNNING,
        outputs=event.outputs if event.outputs is not None else run.outputs,
        memo={"worker": event.state.value},
        attempts=attempt_ended(run, event.state, draft.now),
    )
    draft.touch(run.id)


def lost(draft: Draft, event: on.TaskRunLost) -> None:
    """The worker is gone: its attempt counts as resubmitted, a new one takes its place (flow spec §8.4)."""
    run = _current(draft, event.task_run_id, event.token)
    if run is None:
        return
    if run.state.current is State.KILLING:
        finish_attempt(draft, run, State.KILLED, None)
        return
    if run.state.current not in (State.SUBMITTED, State.RUNNING):
        return
    attempts = run.attempts
    if attempts and not attempts[-1].state.current.is_ended:
        attempts = attempt_ended(run, State.RESUBMITTED, draft.now)
    draft.remove(draft.ledger.children(run.id))
    run = draft.ledger.runs[run.id]
    dispatch(draft, draft.move(run, State.CREATED, attempts=attempts))


def child_reported(draft: Draft, event: on.ChildRunReported) -> None:
    """A child of a WorkingDirectory began or ended on its worker, or waits there for another attempt."""
    parent = _current(draft, event.parent_run_id, event.token)
    if parent is None:
        return
    task = draft.ledger.outline.place(event.task_id).task
    run = draft.ledger.child(parent.id, task.id)
    if run is None:
        # The worker derives the same id, for what runs there is told its task run's id.
        run = draft.create(task, parent_id=parent.id, run_id=ids.derived_id(parent.id, task.id))
    if run.is_ended:
        return
    if event.state is State.RUNNING:
        if run.state.current is not State.RUNNING:
            if run.state.current is State.RETRYING:
                run = draft.move(run, State.CREATED)
            draft.move(run, State.RUNNING, attempts=attempt_started(run, draft.now))
        return
    if run.state.current is State.CREATED and event.state is not State.SKIPPED:
        run = draft.move(run, State.RUNNING, attempts=attempt_started(run, draft.now))
    changes: dict[str, Any] = {} if event.outputs is None else {"outputs": event.outputs}
    ended = State.FAILED if event.state is State.RETRYING else event.state
    if run.state.current is not State.RETRYING:
        changes["attempts"] = attempt_ended(
            run, ended, draft.now, log_file=event.log_file, problem=event.problem
        )
    if event.state is State.RETRYING:
        draft.move(run, State.FAILED, State.RETRYING, **changes)
        return
    end_run(draft, run, task, event.state, **changes)

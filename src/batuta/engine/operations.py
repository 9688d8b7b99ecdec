"""What people may ask of an execution: kill, restart, force (flow spec §15)."""

from __future__ import annotations

from batuta.engine import respawning, spawning, subflows
from batuta.engine.commands import CancelTimers, StopSubflows, StopTaskRuns
from batuta.engine.dispatch import dispatch
from batuta.engine.draft import Draft, attempt_cut
from batuta.engine.outline import AFTER_EXECUTION, ERRORS, FINALLY, Kind
from batuta.engine.pausing import first_paused, go_on, leave, start_held
from batuta.model import labels
from batuta.model.execution import TaskRun
from batuta.model.labels import Label
from batuta.model.state import State

_HANDLERS = (ERRORS, FINALLY, AFTER_EXECUTION)
_LOOP = "io.kestra.plugin.core.flow.Loop"


def kill(draft: Draft, *, cascade: bool) -> None:
    """Stop an execution without waiting for its workers (flow spec §15.4)."""
    if cascade:
        draft.command(StopSubflows())
    stopping: list[str] = []
    for run in list(draft.ledger.runs.values()):
        place = draft.ledger.outline.places.get(run.task_id)
        if run.is_ended or (place is not None and place.after_execution):
            continue
        under_way = run.state.current in (State.RUNNING, State.KILLING)
        rests = run.state.current is State.PAUSED and _kind(draft, run) is Kind.SPAWNING
        if run.memo is not None and _has_open_children(draft, run):
            draft.move(run, State.KILLING)
        elif under_way and _on_a_worker(draft, run):
            stopping.append(run.id)
            draft.move(run, State.KILLING)
        elif (under_way or rests) and cascade and _waits_for_child(draft, run):
            draft.move(run, State.KILLING)
        else:
            if run.state.current is State.SUBMITTED:
                stopping.append(run.id)
            draft.move(run, State.KILLED, attempts=attempt_cut(run, State.KILLED, draft.now))
            draft.touch(run.parent_id)
    if stopping:
        draft.command(StopTaskRuns(task_run_ids=tuple(stopping)))
    if not draft.execution.is_ended:
        draft.command(CancelTimers())
        draft.move_execution(State.KILLING, State.KILLED)
        draft.touch(None)


def _has_open_children(draft: Draft, run: TaskRun) -> bool:
    return any(not child.is_ended for child in draft.ledger.children(run.id)) or _on_a_worker(draft, run)


def _on_a_worker(draft: Draft, run: TaskRun) -> bool:
    place = draft.ledger.outline.places.get(run.task_id)
    kind = None if place is None else draft.ledger.outline.kind(place.task)
    return kind in (Kind.RUNNABLE, Kind.INLINE) or (
        kind is Kind.DELEGATED and "worker" not in (run.memo or {})
    )


def _waits_for_child(draft: Draft, run: TaskRun) -> bool:
    place = draft.ledger.outline.places.get(run.task_id)
    kind = None if place is None else draft.ledger.outline.kind(place.task)
    if kind is Kind.SPAWNING:
        return spawning.is_unfinished(run)
    return kind is Kind.EXECUTABLE and "executionId" in (run.outputs or {})


def restart(draft: Draft) -> None:
    """Try again what failed or is paused; what succeeded is kept (flow spec §15.1)."""
    execution = draft.execution
    if not execution.is_ended and execution.state.current is not State.PAUSED:
        return
    ledger = draft.ledger
    give_up_kills(draft)
    gone = {run.id: run for run in handler_runs(draft)}
    targets = [
        run
        for run in ledger.runs.values()
        if run.id not in gone and run.state.current in (State.FAILED, State.PAUSED, State.KILLED)
    ]
    around = {ancestor.id for run in targets for ancestor in ledger.ancestors(run)}
    leaves = []
    for run in targets:
        delegated = _kind(draft, run) is Kind.DELEGATED
        if delegated:
            gone.update({child.id: child for child in ledger.below(run.id)})
        elif run.id in around:
            continue
        if run.id not in gone:
            leaves.append(run.id)
    waiting = [
        run.id for run in ledger.runs.values() if run.state.current is State.CREATED and run.id not in gone
    ]
    draft.remove(list(gone.values()))
    draft.move_execution(
        State.RESTARTED,
        State.RUNNING,
        outputs=None,
        settled=False,
        attempt_number=execution.attempt_number + 1,
        labels=labels.merged(execution.labels, (Label(labels.RESTARTED, "true"),)),
    )
    for run_id in sorted(around - set(gone), key=lambda each: ledger.runs[each].ordinal):
        run = ledger.runs[run_id]
        if _kind(draft, run) is not Kind.DELEGATED:
            draft.move(run, State.RUNNING)
            draft.touch(run_id)
    for run_id in leaves:
        run = ledger.runs[run_id]
        draft.ledger.forms.pop(run_id, None)
        if _is_unfinished_loop(draft, run):
            # The loop begins anew: what is left of its iterations would do the same work a second time.
            draft.command(StopSubflows(task_run_id=run.id))
        before = run.memo or {}
        run = draft.move(run, State.RESTARTED, memo=None)
        if _kind(draft, run) is Kind.EXECUTABLE:
            subflows.restart(draft, run)
        elif not respawning.restart(draft, run, before):
            dispatch(draft, run)
    for run_id in waiting:
        # Its delay was over while the execution was paused.
        dispatch(draft, ledger.runs[run_id])
    start_held(draft)
    # Also those around which only handlers were taken away.
    draft.touch(None)
    for run_id in ledger.flowables_under_way():
        draft.touch(run_id)


def _is_unfinished_loop(draft: Draft, run: TaskRun) -> bool:
    place = draft.ledger.outline.places.get(run.task_id)
    return place is not None and place.task.type == _LOOP and spawning.is_unfinished(run)


def _kind(draft: Draft, run: TaskRun) -> Kind | None:
    place = draft.ledger.outline.places.get(run.task_id)
    return None if place is None else draft.ledger.outline.kind(place.task)


def give_up_kills(draft: Draft) -> None:
    """Runs that are being killed count as killed: what their workers will say comes too late."""
    for run in list(draft.ledger.runs.values()):
        if run.state.current is State.KILLING:
            draft.move(run, State.KILLED, attempts=attempt_cut(run, State.KILLED, draft.now))


def handler_runs(draft: Draft) -> list[TaskRun]:
    """Runs of `errors`, `finally` and `afterExecution`, and what is below them: they belong to an end that is
    taken back."""
    ledger = draft.ledger
    roots = [run for run in ledger.runs.values() if ledger.branch_of(run) in _HANDLERS]
    return [run for root in roots for run in (root, *ledger.below(root.id))]


def force_run(draft: Draft) -> None:
    """Have an execution go on, whatever holds it (flow spec §15)."""
    if draft.execution.is_ended:
        return
    match draft.state:
        case State.CREATED | State.QUEUED:
            draft.move_execution(State.RUNNING)
            draft.touch(None)
        case State.PAUSED:
            run = first_paused(draft)
            if run is None:
                go_on(draft, State.RUNNING)
            else:
                leave(draft, run, State.SUCCESS, None)
        case _:
            draft.touch(None)
            for run_id in draft.ledger.flowables_under_way():
                draft.touch(run_id)


def unqueue(draft: Draft, state: State) -> None:
    """Take an execution out of its queue: it runs whatever the limit says, or ends (flow spec §15)."""
    if draft.state is State.QUEUED:
        draft.move_execution(state)
        draft.touch(None)

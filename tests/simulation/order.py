"""What may start when, and what must have run at the end: the rules of flow spec §5 and §6, seen from rows.

Written against the specification and not against the engine, from which it takes nothing but where tasks
stand.
"""

from __future__ import annotations

from collections.abc import Iterator

from batuta.engine.outline import AFTER_EXECUTION, ERRORS, FINALLY
from batuta.model.execution import TaskRun
from batuta.model.state import State
from batuta.model.task import Task
from tests.simulation.model import Known, number_of, short

_HANDLERS = (ERRORS, FINALLY, AFTER_EXECUTION)
_SIDE_BY_SIDE = ("Parallel", "Dag", "ForEach")
_DECIDES_ITSELF = ("Pause", "Approval", "LoopUntil", "Switch")
"""Whether these fail does not follow from their children alone."""


def too_early(known: Known, run: TaskRun) -> Iterator[str]:
    """Why a run may not be there yet."""
    place = known.place(run)
    if place is None:
        yield f"the flow has no task {run.task_id}"
        return
    siblings = [each for each in known.children(run.parent_id) if each.id != run.id]
    by_branch: dict[str, list[TaskRun]] = {}
    for each in siblings:
        other = known.place(each)
        if other is not None:
            by_branch.setdefault(other.branch, []).append(each)
    parent = None if place.parent is None else known.outline.places[place.parent].task
    kind = None if parent is None else short(parent.type)
    if place.branch == AFTER_EXECUTION and not known.execution.is_ended:
        yield "afterExecution before the end of the execution"
    main = [each for name, runs in by_branch.items() if name not in _HANDLERS for each in runs]
    has_failed = any(each.state.current is State.FAILED for each in main)
    if place.branch == ERRORS and not has_failed and kind not in _DECIDES_ITSELF:
        yield "a task of `errors` although nothing has failed"
    if place.branch == FINALLY:
        if not has_failed and not all(each.is_ended for each in main):
            yield "a task of `finally` before the tasks have ended"
        if not all(each.is_ended for each in by_branch.get(ERRORS, ())):
            yield "a task of `finally` before those of `errors` have ended"
    yield from _dependencies(known, run, parent, place.branch, place.index, by_branch)


def _dependencies(
    known: Known,
    run: TaskRun,
    parent: Task | None,
    branch: str,
    index: int,
    by_branch: dict[str, list[TaskRun]],
) -> Iterator[str]:
    kind = None if parent is None else short(parent.type)
    peers = by_branch.get(branch, [])
    if kind == "Parallel" and branch in ("tasks", ERRORS):
        return
    if kind == "Dag" and branch == "tasks":
        enabled = {task.id for task in known.outline.branch(parent.id if parent else None, branch)}
        task = known.task(run)
        for name in () if task is None else task.depends_on:
            if name in enabled and not any(each.task_id == name and each.is_ended for each in peers):
                yield f"it depends on {name}, which has not ended"
        return
    if kind == "ForEach" and branch == "tasks":
        assert parent is not None
        if number_of(parent.properties.get("concurrencyLimit"), 1) == 1 and not all(
            each.is_ended for each in peers if (each.iteration or 0) < (run.iteration or 0)
        ):
            yield "an earlier value of the loop is under way"
        peers = [each for each in peers if each.value == run.value]
    for task in known.outline.branch(None if parent is None else parent.id, branch)[:index]:
        if not any(each.task_id == task.id and each.is_ended for each in peers):
            yield f"the task {task.id} before it has not ended"


def too_many(known: Known, parent_id: str | None) -> str | None:
    """More children of a Parallel or Dag under way than it allows."""
    parent = None if parent_id is None else known.by_id(parent_id)
    task = None if parent is None else known.task(parent)
    if task is None or short(task.type) not in ("Parallel", "Dag") or known.was_permitted:
        return None  # a restart sets everything on its way that has failed
    most = number_of(task.properties.get("concurrent"), 0)
    tasks = {each.id for each in known.outline.branch(task.id, "tasks")}
    open_ = [each for each in known.children(parent_id) if each.task_id in tasks and not each.is_ended]
    return f"{len(open_)} children under way, {most} allowed" if most and len(open_) > most else None


def wrong_end(known: Known) -> Iterator[str]:
    """What is wrong with an execution that ended by itself: its state, and which handlers ran."""
    execution = known.execution
    state = execution.state.current
    states = [moment.state for moment in execution.state.moments]
    after = known.outline.branch(None, AFTER_EXECUTION)
    if State.RUNNING in states:
        yield from _once_each(known, None, AFTER_EXECUTION, after, wanted=True)
    if state not in (State.SUCCESS, State.WARNING, State.FAILED) or State.RUNNING not in states:
        return
    main = _main(known, None)
    expected = _fold(main)
    if expected is not None and state is not expected:
        yield f"it ended {state}, its tasks say {expected}"
    yield from _handlers(known, None, None, main)
    for run in known.runs.values():
        task = known.task(run)
        if task is None or not task.branches or short(task.type) in _DECIDES_ITSELF:
            continue
        if any(State.RETRIED is each.state.current for each in (run,)) or not _is_free(known, run):
            continue
        if run.state.current in (State.SUCCESS, State.WARNING, State.FAILED) and run.memo is not None:
            yield from _handlers(known, run.id, task, _main(known, run.id))


def _main(known: Known, parent_id: str | None) -> list[TaskRun]:
    places = known.outline.places
    return [
        run
        for run in known.children(parent_id)
        if run.task_id in places and places[run.task_id].branch not in _HANDLERS
    ]


def _fold(runs: list[TaskRun]) -> State | None:
    states = {run.state.current for run in runs}
    for state in (State.KILLED, State.FAILED, State.WARNING):
        if state in states:
            return state
    return State.SUCCESS


def _is_free(known: Known, run: TaskRun) -> bool:
    """Nobody around it can have ended it before its time."""
    while run.parent_id is not None:
        parent = known.by_id(run.parent_id)
        task = None if parent is None else known.task(parent)
        if parent is None or task is None or short(task.type) in _SIDE_BY_SIDE + _DECIDES_ITSELF:
            return False
        run = parent
    return True


def _handlers(known: Known, parent_id: str | None, task: Task | None, main: list[TaskRun]) -> Iterator[str]:
    name = None if task is None else task.id
    has_failed = any(run.state.current is State.FAILED for run in main)
    yield from _once_each(known, parent_id, ERRORS, known.outline.branch(name, ERRORS), wanted=has_failed)
    yield from _once_each(known, parent_id, FINALLY, known.outline.branch(name, FINALLY), wanted=True)


def _once_each(
    known: Known, parent_id: str | None, branch: str, tasks: tuple[Task, ...], *, wanted: bool
) -> Iterator[str]:
    children = known.children(parent_id)
    for task in tasks:
        runs = [run for run in children if run.task_id == task.id]
        if len(runs) != int(wanted):
            yield f"the task {task.id} of `{branch}` ran {len(runs)} times, not {int(wanted)}"
        elif not all(run.is_ended for run in runs):
            yield f"the task {task.id} of `{branch}` has not ended"

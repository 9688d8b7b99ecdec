"""New executions from old ones: retries of a flow, replays, restarts with another revision.

Nothing here touches the old execution. The new one has its own id, and so have its task runs, so that both
can be under way at once (flow spec §12.4, §15.1, §15.2).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from batuta import ids
from batuta.engine.ledger import Ledger
from batuta.engine.outline import AFTER_EXECUTION, ERRORS, FINALLY, Kind, Outline
from batuta.model import labels
from batuta.model.execution import Execution, TaskRun
from batuta.model.labels import Label
from batuta.model.state import TASK_RUN_TRANSITIONS, History, State
from batuta.model.task import Task

_RANKS = {ERRORS: 1, FINALLY: 2, AFTER_EXECUTION: 3}
"""Order of the lists of one parent; every other list comes first."""

_FLOW = "io.kestra.plugin.core.flow."
_SIDE_BY_SIDE = (_FLOW + "Parallel", _FLOW + "EachParallel")

_PARENT_LINK = ("taskRunId", "iteration")
"""Variables of a trigger that tie an execution to a task run that waits for it."""


def repetition(execution: Execution, *, id: str, now: datetime) -> Execution:
    """The next try of an execution that was RETRIED; whoever waited for that one waits for this one (flow
    spec §12.4)."""
    return msgspec.structs.replace(
        execution,
        id=id,
        state=History.starting(now),
        outputs=None,
        parent_id=execution.id,
        attempt_number=execution.attempt_number + 1,
        schedule_at=None,
        next_ordinal=0,
        settled=False,
        breakpoints=(),
        labels=tuple(label for label in execution.labels if label.key != labels.RESTARTED),
    )


def replay(
    execution: Execution,
    *,
    id: str,
    now: datetime,
    revision: int | None = None,
    inputs: dict[str, Any] | None = None,
) -> Execution:
    """The same again from the beginning, with another revision or other inputs if they are given (flow spec
    §15.2)."""
    return msgspec.structs.replace(
        repetition(execution, id=id, now=now),
        **_as_replay(execution),
        revision=revision or execution.revision,
        inputs=execution.inputs if inputs is None else inputs,
    )


def _as_replay(execution: Execution) -> dict[str, Any]:
    marks = (labels.RESTARTED, labels.REPLAYED)
    kept = (label for label in execution.labels if label.key not in marks)
    return {"labels": labels.merged(kept, (Label(labels.REPLAY, "true"),)), **_on_its_own(execution)}


def _on_its_own(execution: Execution) -> dict[str, Any]:
    """Nobody waits for the copy: its parent, if there is one, waits for the original."""
    trigger = execution.trigger
    if trigger is None:
        return {}
    variables = {name: value for name, value in trigger.variables.items() if name not in _PARENT_LINK}
    return {"trigger": msgspec.structs.replace(trigger, variables=variables)}


def copy(ledger: Ledger, *, id: str, revision: int, now: datetime) -> tuple[Execution, list[TaskRun]]:
    """The execution and its task runs under new ids, to be restarted with another revision (flow spec
    §15.1).

    What is under way in the original, on a worker, in a retry or as executions that it started, will be heard
    of there; here it begins anew.
    """
    execution, gone = ledger.execution, set[str]()
    kept = []
    for run in ledger.runs.values():
        if run.id in gone:
            continue
        if _is_heard_of_elsewhere(ledger, run):
            gone.update(below.id for below in ledger.below(run.id))
            kept.append(_anew(run, now))
        else:
            kept.append(run)
    row = msgspec.structs.replace(
        execution, id=id, revision=revision, parent_id=execution.id, **_on_its_own(execution)
    )
    return row, _renamed(kept, id)


def _is_heard_of_elsewhere(ledger: Ledger, run: TaskRun) -> bool:
    """The run is under way, and not as a frame around others. A PAUSED one is restarted anyway."""
    if run.is_ended or run.state.current in (State.PAUSED, State.KILLING):
        return False
    kind = _kind(ledger.outline, run)
    return kind is not Kind.FLOWABLE and not (kind is Kind.DELEGATED and "worker" in (run.memo or {}))


def _renamed(runs: list[TaskRun], execution_id: str) -> list[TaskRun]:
    names = {run.id: ids.derived_id(execution_id, run.ordinal) for run in runs}
    return [
        msgspec.structs.replace(
            run, id=names[run.id], parent_id=None if run.parent_id is None else names[run.parent_id]
        )
        for run in runs
    ]


def replay_from(
    ledger: Ledger, run: TaskRun, *, id: str, now: datetime, revision: int | None = None
) -> tuple[Execution, list[TaskRun]]:
    """The same again from a task run on: what ran before it, or beside it, is kept (flow spec §15.2).

    The children of a WorkingDirectory run in one go, so a replay from one of them begins with all of them.
    """
    outline = ledger.outline
    for ancestor in ledger.ancestors(run):
        if _kind(outline, ancestor) is Kind.DELEGATED:
            run = ancestor
    path = {each.id for each in (run, *ledger.ancestors(run))}
    gone = {below.id for below in ledger.below(run.id)}
    for each_id in path:
        each = ledger.runs[each_id]
        for sibling in ledger.children(each.parent_id):
            if sibling.id not in path and _comes_after(outline, each, sibling):
                gone.update(below.id for below in (sibling, *ledger.below(sibling.id)))
    root = next(each for each in (run, *ledger.ancestors(run)) if each.parent_id is None)
    if ledger.branch_of(root) == AFTER_EXECUTION:
        # It runs once the execution has ended again, and is made anew then.
        gone.update(path, (each.id for each in ledger.below(root.id)))
    kept: list[TaskRun] = []
    for other in ledger.runs.values():
        if other.id in gone or other.parent_id in gone:
            gone.add(other.id)
        elif other.id == run.id:
            kept.append(_restarted(other, now))
        elif other.id in path:
            kept.append(_running(other, now))
        elif other.is_ended:
            kept.append(other)
        else:
            # It is under way in the original, where its end will be heard; here it begins anew.
            gone.update(below.id for below in ledger.below(other.id))
            kept.append(_anew(other, now))
    row = msgspec.structs.replace(
        replay(ledger.execution, id=id, now=now, revision=revision),
        state=ledger.execution.state.to(State.RESTARTED, now),
        next_ordinal=ledger.execution.next_ordinal,
    )
    return row, _renamed(kept, id)


def _kind(outline: Outline, run: TaskRun) -> Kind | None:
    place = outline.places.get(run.task_id)
    return None if place is None else outline.kind(place.task)


def _restarted(run: TaskRun, now: datetime) -> TaskRun:
    if State.RESTARTED not in TASK_RUN_TRANSITIONS[run.state.current]:
        return _anew(run, now)
    return msgspec.structs.replace(run, state=run.state.to(State.RESTARTED, now), memo=None, retry_at=None)


def _anew(run: TaskRun, now: datetime) -> TaskRun:
    return msgspec.structs.replace(
        run, state=History.starting(now), memo=None, retry_at=None, attempts=(), outputs=None
    )


def _running(run: TaskRun, now: datetime) -> TaskRun:
    """An ancestor goes on; how it was about to end is forgotten, and so is that it was being killed."""
    memo = {name: value for name, value in (run.memo or {}).items() if name not in ("target", "worker")}
    history = run.state if run.state.current is not State.KILLING else run.state.to(State.KILLED, now)
    return msgspec.structs.replace(run, state=history.to(State.RUNNING, now), memo=memo)


def _comes_after(outline: Outline, run: TaskRun, sibling: TaskRun) -> bool:
    """The sibling ran because the run had ended, directly or not."""
    place, other = outline.places.get(run.task_id), outline.places.get(sibling.task_id)
    if place is None or other is None:
        return sibling.ordinal > run.ordinal
    ranks = _RANKS.get(place.branch, 0), _RANKS.get(other.branch, 0)
    if ranks[0] != ranks[1]:
        return ranks[1] > ranks[0]
    parent = None if place.parent is None else outline.places[place.parent].task
    if parent is None:
        return other.index > place.index
    if parent.type in _SIDE_BY_SIDE:
        return False
    if parent.type == _FLOW + "Dag":
        return _depends(outline, other.task, place.task)
    values = run.iteration, sibling.iteration
    if run.value is not None and None not in values and run.iteration != sibling.iteration:
        return _one_by_one(parent) and (sibling.iteration or 0) > (run.iteration or 0)
    return other.index > place.index


def _one_by_one(loop: Task) -> bool:
    """The values of a loop are gone through one after the other."""
    limit = loop.properties.get("concurrencyLimit", 1)
    return loop.type == _FLOW + "EachSequential" or str(limit) == "1"


def _depends(outline: Outline, task: Task, on: Task) -> bool:
    seen: set[str] = set()
    waiting = list(task.depends_on)
    while waiting:
        name = waiting.pop()
        if name == on.id:
            return True
        place = outline.places.get(name)
        if place is not None and name not in seen:
            seen.add(name)
            waiting += place.task.depends_on
    return False

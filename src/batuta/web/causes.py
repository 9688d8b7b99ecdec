"""What an execution waits for, and what that waits for in its turn: from evidence to causes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from batuta import iso8601
from batuta.engine.dispatch import PAUSE_TIMER, TIMEOUT_TIMER
from batuta.engine.looping import LOOP_TIMER
from batuta.engine.outline import Kind
from batuta.model.causes import Cause, CauseKind
from batuta.model.execution import TaskRun
from batuta.model.state import State
from batuta.store.batch import Job
from batuta.web.evidence import Evidence, is_leaf, kind_of

MOST_CAUSES = 20
"""Causes of one execution that are told one by one."""
_APPROVAL = "io.kestra.plugin.core.flow.Approval"
_LOOP_UNTIL = "io.kestra.plugin.core.flow.LoopUntil"


def causes_of(found: Evidence, now: datetime, slots: int) -> Iterator[Cause]:
    """What the execution waits for: itself first, then each of its task runs that has not ended."""
    execution = found.execution
    if execution.settled:
        return
    match execution.state.current:
        case State.CREATED:
            yield _not_begun(found, now)
            return
        case State.QUEUED:
            yield _queued(found, now, slots)
            return
        case State.KILLING:
            yield Cause(
                kind=CauseKind.KILL,
                message="it was told to stop, and what runs has not stopped yet",
                since=execution.state.changed_at,
            )
    waiting = [cause for run in found.runs for cause in _of_run(found, run, now, slots)]
    if execution.state.current is State.PAUSED and not any(
        run.state.current is State.PAUSED for run in found.runs
    ):
        waiting.insert(
            0,
            Cause(
                kind=CauseKind.PAUSE,
                message="somebody paused it",
                since=execution.state.changed_at,
                command=f"batuta execution resume {execution.id}",
            ),
        )
    # What may be moved by a person stands before what moves by itself.
    waiting.sort(key=lambda cause: cause.command is None)
    yield from waiting[:MOST_CAUSES]
    if len(waiting) > MOST_CAUSES:
        yield Cause(
            kind=CauseKind.OTHERS, message=f"{len(waiting) - MOST_CAUSES} more task runs have not ended"
        )


def _not_begun(found: Evidence, now: datetime) -> Cause:
    execution = found.execution
    if execution.schedule_at is not None and execution.schedule_at > now:
        return Cause(
            kind=CauseKind.SCHEDULE,
            message=f"it begins at {iso8601.format_instant(execution.schedule_at)}",
            since=execution.state.started_at,
            until=execution.schedule_at,
            command=f"batuta execution force-run {execution.id}",
        )
    return Cause(
        kind=CauseKind.EXECUTOR,
        message="no executor has taken it yet",
        since=execution.state.changed_at,
        command=f"batuta execution force-run {execution.id}",
    )


def _queued(found: Evidence, now: datetime, slots: int) -> Cause:
    execution = found.execution
    name = f"{execution.namespace}.{execution.flow_id}"
    command = f"batuta execution unqueue {execution.id}"
    since = execution.state.changed_at
    if found.limit is None:
        message = f"it is queued although {name} has no limit any more; it will be let in"
        return Cause(kind=CauseKind.CONCURRENCY, message=message, since=since, command=command)
    taken = "its slot is taken" if found.limit.limit == 1 else f"its {found.limit.limit} slots are taken"
    queue = f", and {found.before} queued before it" if found.before else ""
    holders = []
    for holder in found.holders:
        held = holder.execution
        holders.append(
            Cause(
                kind=CauseKind.SLOT_HOLDER,
                message=f"execution {held.id} holds a slot and is {held.state.current}",
                since=held.state.changed_at,
                execution_id=held.id,
                command=f"batuta execution kill {held.id}",
                causes=tuple(causes_of(holder, now, slots)),
            )
        )
    return Cause(
        kind=CauseKind.CONCURRENCY,
        message=f"the concurrency limit of {name} is reached: {taken}{queue}",
        since=since,
        command=command,
        causes=tuple(holders),
    )


def _of_run(found: Evidence, run: TaskRun, now: datetime, slots: int) -> Iterator[Cause]:
    if run.is_ended:
        return
    match run.state.current:
        case State.PAUSED if run.id in found.children:
            yield from _under_way(found, run, now, slots)
        case State.PAUSED:
            yield _paused(found, run)
        case State.BREAKPOINT:
            yield _cause(
                run,
                CauseKind.BREAKPOINT,
                f"a breakpoint stopped it before the task `{run.task_id}`",
                command=f"batuta execution resume-from-breakpoint {found.execution.id}",
            )
        case State.RETRYING:
            yield _retrying(found, run)
        case State.SUBMITTED | State.RUNNING | State.KILLING if is_leaf(found, run):
            yield from _under_way(found, run, now, slots)


def _cause(run: TaskRun, kind: CauseKind, message: str, **more: Any) -> Cause:
    more.setdefault("since", run.state.changed_at)
    return Cause(kind=kind, message=message, task_id=run.task_id, task_run_id=run.id, value=run.value, **more)


def _paused(found: Evidence, run: TaskRun) -> Cause:
    place = None if found.outline is None else found.outline.places.get(run.task_id)
    kind = "" if place is None else place.task.type
    execution_id = found.execution.id
    at = _at(found, run, LOOP_TIMER, PAUSE_TIMER, TIMEOUT_TIMER)
    then = "" if at is None else f" until {iso8601.format_instant(at)}"
    if kind == _LOOP_UNTIL:
        count = (run.outputs or {}).get("iterationCount", 1)
        message = f"`{run.task_id}` waits{then} for its next pass after {count}"
        return _cause(run, CauseKind.INTERVAL, message, until=at)
    if kind == _APPROVAL:
        command = f"batuta execution review {execution_id} --approve"
        return _cause(
            run, CauseKind.APPROVAL, f"`{run.task_id}` waits{then} for approval", until=at, command=command
        )
    inputs = () if place is None else place.task.properties.get("onResume") or ()
    needed = [each["id"] for each in inputs if isinstance(each, dict) and _is_needed(each)]
    command = " ".join(
        [f"batuta execution resume {execution_id}", *(f"--input {name}=VALUE" for name in needed)]
    )
    message = f"`{run.task_id}` pauses the execution{then or ' until somebody resumes it'}"
    return _cause(run, CauseKind.PAUSE, message, until=at, command=command)


def _is_needed(declared: dict[str, Any]) -> bool:
    return "id" in declared and declared.get("required", True) is not False and "defaults" not in declared


def _at(found: Evidence, run: TaskRun, *names: str) -> datetime | None:
    return next(
        (each.at for each in found.timers if each.task_run_id == run.id and each.timer in names), None
    )


def _retrying(found: Evidence, run: TaskRun) -> Cause:
    at = run.retry_at
    when = "" if at is None else f" at {iso8601.format_instant(at)}"
    made = len(run.attempts)
    message = (
        f"`{run.task_id}` failed {'once' if made == 1 else f'{made} times'}; its next attempt starts{when}"
    )
    return _cause(run, CauseKind.RETRY, message, until=at)


def _under_way(found: Evidence, run: TaskRun, now: datetime, slots: int) -> Iterator[Cause]:
    children = found.children.get(run.id, [])
    more = found.more_children.get(run.id, 0)
    for child in children:
        yield _child(run, child, now, slots)
    if more:
        yield _cause(run, CauseKind.OTHERS, f"`{run.task_id}` waits for {more} more executions")
    if children or more:
        return
    job = found.jobs.get(run.id)
    if job is None:
        if kind_of(found, run) is Kind.RUNNABLE:
            yield _cause(run, CauseKind.EXECUTOR, f"the result of `{run.task_id}` is being taken in")
        return
    yield _attempted(found, run, job, now, slots)


def _attempted(found: Evidence, run: TaskRun, job: Job, now: datetime, slots: int) -> Cause:
    if job.worker_id is None:
        ahead = found.ahead.get(run.id, 0)
        full = "its only slot is taken" if slots == 1 else f"all {slots} slots are taken"
        taken = full if found.taken >= slots else "none took it"
        queue = f", and {ahead} others wait before it" if ahead else ""
        return _cause(
            run,
            CauseKind.WORKER_SLOT,
            f"`{run.task_id}` waits for a worker: {taken}{queue}",
            since=job.created_at,
        )
    what = "is told to stop" if run.state.current is State.KILLING else "runs"
    message = f"`{run.task_id}` {what} on worker {job.worker_id} (attempt {job.attempt + 1})"
    if job.leased_until is not None and job.leased_until < now:
        message += (
            f"; the worker has been silent since before {iso8601.format_instant(job.leased_until)}, "
            "another one will take over"
        )
    return _cause(
        run,
        CauseKind.WORKER,
        message,
        command=None if run.state.current is State.KILLING else f"batuta execution kill {found.execution.id}",
    )


def _child(run: TaskRun, child: Evidence, now: datetime, slots: int) -> Cause:
    execution = child.execution
    name = f"{execution.namespace}.{execution.flow_id}"
    what = f"iteration {execution.loop.item.index} of " if execution.loop is not None else ""
    return _cause(
        run,
        CauseKind.SUBFLOW,
        f"`{run.task_id}` waits for {what}{name}, execution {execution.id}, which is "
        f"{execution.state.current}",
        execution_id=execution.id,
        causes=tuple(causes_of(child, now, slots)),
    )

"""A step becomes rows of a batch (a pure function), and a list of what is left to do about it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from batuta.engine import commands as do
from batuta.engine.draft import Step
from batuta.engine.ledger import Ledger
from batuta.engine.outline import Kind
from batuta.model.execution import TaskRun
from batuta.model.records import LogLine
from batuta.model.state import State
from batuta.store.batch import Batch, Job, SlotRequest, Timer

NEW_EXECUTION_TIMER = "new-execution"
"""Timer of an execution that was retried: when it elapses, the next one is made."""

_NEEDS_WORKER = (Kind.RUNNABLE, Kind.DELEGATED)


Asked = (
    do.StartSubflow
    | do.StartIteration
    | do.StoreRows
    | do.RestartSubflow
    | do.StopSubflows
    | do.TellParent
    | do.TellPause
)
"""Commands that reach beyond the rows of their own execution."""


class Aftermath(msgspec.Struct):
    """What the executor still has to do for commands, and whom to tell once the batch is durable."""

    inline: list[do.RunTask] = []
    """Attempts to make here."""
    asked: list[Asked] = []
    """Commands about other executions."""
    stopped: list[str] = []
    """Task runs whose attempts shall stop."""
    slot: do.AcquireSlot | None = None
    """The execution waits for the answer to this."""
    has_jobs: bool = False
    has_logs: bool = False


def plan(step: Step, ledger: Ledger, batch: Batch, now: datetime) -> Aftermath:
    """Write a step's rows into a batch."""
    execution = ledger.execution
    execution_id = execution.id
    if step.execution is not None:
        batch.executions[execution_id] = step.execution
    for ordinal in step.dropped_parts:
        gone = [key for key in batch.parts if key[:2] == (execution_id, ordinal)]
        for key in gone:
            del batch.parts[key]
        batch.dropped_parts.append((execution_id, ordinal))
    for (ordinal, name), value in step.parts.items():
        batch.parts[execution_id, ordinal, name] = value
    for run in step.task_runs:
        batch.task_runs[execution_id, run.ordinal] = run
        if run.is_ended and run.token and _kind(ledger, run) in _NEEDS_WORKER:
            batch.ended_jobs.append((run.id, run.token))
    for ordinal in step.removed:
        batch.task_runs.pop((execution_id, ordinal), None)
        batch.removed_task_runs.append((execution_id, ordinal))
    after = Aftermath()
    for command in step.commands:
        match command:
            case do.RunTask():
                if _kind(ledger, command.run) in _NEEDS_WORKER:
                    batch.jobs.append(_job(ledger, command, now))
                    after.has_jobs = True
                else:
                    after.inline.append(command)
            case do.WriteLog():
                batch.logs.append(_line(ledger, command, now))
                after.has_logs = True
            case do.SetTimer():
                batch.timers.append(
                    Timer(
                        execution_id=execution_id,
                        task_run_id=command.task_run_id,
                        timer=command.timer,
                        at=command.at,
                        token=command.token,
                    )
                )
            case do.CreateExecution():
                batch.timers.append(
                    Timer(
                        execution_id=execution_id, task_run_id=None, timer=NEW_EXECUTION_TIMER, at=command.at
                    )
                )
            case do.CancelTimers():
                batch.cancelled_timers.append((execution_id, command.task_run_id))
            case do.AcquireSlot():
                batch.slots.append(SlotRequest(execution_id, command.limit))
                after.slot = command
            case do.StopTaskRuns():
                after.stopped += command.task_run_ids
            case _:
                after.asked.append(command)
    return after


def _kind(ledger: Ledger, run: TaskRun) -> Kind | None:
    place = ledger.outline.places.get(run.task_id)
    return None if place is None else ledger.outline.kind(place.task)


def _job(ledger: Ledger, command: do.RunTask, now: datetime) -> Job:
    execution = ledger.execution
    run = command.run
    return Job(
        task_run_id=run.id,
        execution_id=execution.id,
        task_id=run.task_id,
        token=run.token,
        attempt=sum(attempt.state.current is not State.RUNNING for attempt in run.attempts),
        namespace=execution.namespace,
        flow_id=execution.flow_id,
        revision=execution.revision,
        created_at=now,
        after_execution=command.after_execution,
    )


def _line(ledger: Ledger, command: do.WriteLog, now: datetime) -> LogLine:
    execution = ledger.execution
    run = command.run
    return LogLine(
        execution_id=execution.id,
        namespace=execution.namespace,
        flow_id=execution.flow_id,
        at=now,
        level=command.level,
        message=command.message,
        task_id=None if run is None else run.task_id,
        task_run_id=None if run is None else run.id,
        attempt=None if run is None else max(len(run.attempts) - 1, 0),
    )

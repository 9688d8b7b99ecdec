"""Executions and task runs as the contract shows them (flow spec §8.3, §9; API spec §6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from batuta import iso8601
from batuta.model import stored
from batuta.model.execution import Attempt, Execution, ExecutionKind, TaskRun
from batuta.model.flow import TENANT
from batuta.model.state import History, State
from batuta.web.shapes import flow

Json = dict[str, Any]

_NOT_BEGUN = frozenset({State.CREATED, State.SUBMITTED, State.QUEUED})


def state(history: History, now: datetime) -> Json:
    """A state record."""
    shape: Json = {
        "current": history.current,
        "histories": history.moments,
        "duration": iso8601.format_duration(history.duration(now)),
        "startDate": history.started_at,
    }
    ended_at = history.ended_at
    if ended_at is not None:
        shape["endDate"] = ended_at
    return shape


def task_run(run: TaskRun, execution: Execution, now: datetime) -> Json:
    """One task run, with its outputs inline."""
    shape: Json = {
        "id": run.id,
        "executionId": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "taskId": run.task_id,
    }
    if run.parent_id is not None:
        shape["parentTaskRunId"] = run.parent_id
    if run.value is not None:
        shape["value"] = run.value
    if run.attempts:
        shape["attempts"] = [_attempt(attempt, now) for attempt in run.attempts]
    shape["outputs"] = _outputs(run)
    shape["state"] = state(run.state, now)
    if run.iteration is not None:
        shape["iteration"] = run.iteration
    if run.dynamic:
        shape["dynamic"] = True
    return shape


def _attempt(attempt: Attempt, now: datetime) -> Json:
    shape: Json = {"state": state(attempt.state, now)}
    if attempt.log_file is not None:
        shape["logFile"] = attempt.log_file
    return shape


def _outputs(run: TaskRun) -> Json | None:
    if run.outputs is not None:
        outputs: Json = stored.shown(run.outputs)
        return outputs
    return None if run.state.current in _NOT_BEGUN else {}


def full(execution: Execution, runs: Sequence[TaskRun], now: datetime) -> Json:
    """An execution with its task runs."""
    return _execution(execution, now, runs)


def light(execution: Execution, now: datetime) -> Json:
    """An execution in a list: without task runs, outputs and variables."""
    return _execution(execution, now, None)


def _execution(execution: Execution, now: datetime, runs: Sequence[TaskRun] | None) -> Json:
    shape: Json = {
        "tenantId": TENANT,
        "id": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "flowRevision": execution.revision,
    }
    if runs:
        shape["taskRunList"] = [task_run(run, execution, now) for run in runs]
    if execution.inputs:
        shape["inputs"] = stored.shown(execution.inputs)
    if runs is not None and execution.outputs:
        shape["outputs"] = stored.shown(execution.outputs)
    if execution.labels:
        shape["labels"] = execution.labels
    if runs is not None and execution.variables:
        shape["variables"] = execution.variables
    shape["state"] = state(execution.state, now)
    if execution.parent_id is not None:
        shape["parentId"] = execution.parent_id
    shape["originalId"] = execution.original_id
    if execution.trigger is not None:
        shape["trigger"] = {
            "id": execution.trigger.id,
            "type": execution.trigger.type,
            "variables": execution.trigger.variables,
        }
    shape["deleted"] = False
    shape["metadata"] = {
        "attemptNumber": execution.attempt_number,
        "originalCreatedDate": execution.original_created_at or execution.state.started_at,
    }
    if execution.schedule_at is not None:
        shape["scheduleDate"] = execution.schedule_at
    if execution.kind is not ExecutionKind.NORMAL:
        shape["kind"] = execution.kind
    if execution.breakpoints:
        shape["breakpoints"] = execution.breakpoints
    return shape


def created(execution: Execution, runs: Sequence[TaskRun], now: datetime, base_url: str) -> Json:
    """The answer to a creation: the execution, and where people look at it."""
    shape = full(execution, runs, now)
    shape["url"] = (
        f"{base_url}/ui/{TENANT}/executions/{execution.namespace}/{execution.flow_id}/{execution.id}"
    )
    return shape


def stub(execution_id: str) -> Json:
    """What opens a stream: an id and nothing more."""
    return {"id": execution_id, "deleted": False}


def status(execution: Execution, now: datetime) -> Json:
    """The state of an execution that belongs to another."""
    return {
        "executionId": execution.id,
        "tenantId": TENANT,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "state": state(execution.state, now),
    }


def latest(execution: Execution) -> Json:
    """The last execution of a flow, in short."""
    return {
        "id": execution.id,
        "flowId": execution.flow_id,
        "namespace": execution.namespace,
        "startDate": execution.state.started_at,
        "status": execution.state.current,
    }


def task_outputs(runs: Iterable[TaskRun]) -> list[Json]:
    """Which task runs have outputs (API spec §9)."""
    shapes = []
    for run in runs:
        if run.outputs:
            shape: Json = {"taskId": run.task_id, "taskRunId": run.id}
            if run.value is not None:
                shape["value"] = run.value
            if run.iteration is not None:
                shape["iteration"] = run.iteration
            shapes.append({**shape, "inline": not stored.marks(run.outputs)})
    return shapes


def resolved_input(found: Any, documents: dict[str, Any]) -> Json:
    """What became of one input when it was checked."""
    declared = found.input
    shape: Json = {
        "input": flow.declared_input(documents.get(declared.id) or {"id": declared.id, "type": declared.type})
    }
    if found.value is not None:
        shape["value"] = found.value
    shape["enabled"] = found.enabled
    shape["isDefault"] = found.is_default
    shape["errors"] = [{"message": message} for message in found.errors]
    return shape

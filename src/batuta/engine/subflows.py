"""What is heard of child executions (flow spec §6.13, §16)."""

from __future__ import annotations

from typing import Any

from batuta import ids
from batuta.engine import events as on
from batuta.engine import looping, spawning
from batuta.engine.commands import RestartSubflow
from batuta.engine.dispatch import dispatch
from batuta.engine.draft import Draft, attempt_started
from batuta.engine.endings import finish_attempt
from batuta.engine.flowables.subflow import RestartBehavior, Subflow
from batuta.model.execution import TaskRun
from batuta.model.state import State
from batuta.model.task import LogLevel

_WAITING = (State.RUNNING, State.KILLING)
"""A task run that is in another state has heard of its child before: the child was restarted by itself."""
_TRANSMITTED = (State.FAILED, State.KILLED, State.WARNING, State.PAUSED)


def created(draft: Draft, event: on.SubflowCreated) -> None:
    """The child exists: its id is an output at once, and who does not wait is done."""
    run = draft.ledger.run(event.task_run_id)
    if run is None or run.is_ended or run.token != event.token or event.index is not None:
        return
    outputs: dict[str, Any] = {"executionId": event.child_id}
    subflow: Subflow = draft.form(run)
    draft.log(
        LogLevel.INFO,
        f'Created new execution [[link execution="{event.child_id}" flowId="{subflow.flow_id}" '
        f'namespace="{subflow.namespace}"]]',
        run,
    )
    if subflow.wait:
        draft.move(run, outputs=outputs)
    else:
        finish_attempt(draft, run, State.SUCCESS, outputs)


def refused(draft: Draft, event: on.SubflowRefused) -> None:
    """The child could not be created."""
    run = draft.ledger.run(event.task_run_id)
    if run is None or run.is_ended or run.token != event.token:
        return
    if event.index is not None:
        spawning.ended(draft, looping.end_rest(draft, run, event.index), event)
        return
    draft.log(LogLevel.ERROR, event.reason, run)
    finish_attempt(draft, run, State.FAILED, None, problem=event.reason)


def ended(draft: Draft, event: on.SubflowEnded) -> None:
    """The child has ended: the task ends like it, or succeeds, as it was told to."""
    run = draft.ledger.run(event.task_run_id)
    if run is not None and not run.is_ended and event.index is not None:
        if spawning.waits_for(draft, run, event.child_id, event.index):
            spawning.ended(draft, looping.end_rest(draft, run, event.index), event)
        return
    known = (None, event.child_id, event.original_id)
    if run is None or run.state.current not in _WAITING:
        return
    if (run.outputs or {}).get("executionId") not in known:
        return
    subflow: Subflow = draft.form(run)
    outputs: dict[str, Any] = {"executionId": event.child_id, "state": event.state.value}
    if event.outputs is not None:
        outputs["outputs"] = event.outputs
    state = event.state if subflow.transmit_failed and event.state in _TRANSMITTED else State.SUCCESS
    if event.state is State.FAILED:
        draft.log(
            LogLevel.ERROR,
            f'Subflow execution [[link execution="{event.child_id}" flowId="{subflow.flow_id}" '
            f'namespace="{subflow.namespace}"]] ends in FAILED state',
            run,
        )
    if event.problem is not None:
        draft.log(LogLevel.ERROR, f"Failed to extract the outputs of the subflow: {event.problem}", run)
        state = State.FAILED
    if run.state.current is State.KILLING:
        state = State.KILLED
    draft.ledger.forms.pop(run.id, None)
    finish_attempt(draft, run, state, outputs)


def restart(draft: Draft, run: TaskRun) -> None:
    """A restarted Subflow restarts its failed child, or begins anew."""
    child_id = (run.outputs or {}).get("executionId")
    subflow: Subflow = draft.form(run)
    begins_anew = not subflow.wait or subflow.restart_behavior is RestartBehavior.NEW_EXECUTION
    if begins_anew or child_id not in _own_children(run):
        dispatch(draft, run)
        return
    run = draft.move(run, State.RUNNING, token=run.token + 1, attempts=attempt_started(run, draft.now))
    draft.command(RestartSubflow(run=run, child_id=child_id))


def _own_children(run: TaskRun) -> set[str]:
    """Ids of the children that this run has started. One that a replay took over from its source would tell
    the source of its end, and nobody else."""
    return {ids.derived_id(run.id, "child", token, 0) for token in range(1, run.token + 1)}

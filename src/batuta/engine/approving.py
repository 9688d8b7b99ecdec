"""How an approval is decided, and what becomes of it (flow spec §6.12)."""

from __future__ import annotations

from typing import Any

from batuta import iso8601
from batuta.engine import events as on
from batuta.engine.commands import CancelTimers
from batuta.engine.dispatch import exit_with, pause
from batuta.engine.draft import Draft
from batuta.engine.endings import end_flowable
from batuta.engine.flowables.approval import Approval, Behavior, Decision, list_of
from batuta.engine.pausing import go_on
from batuta.model.execution import TaskRun
from batuta.model.flow import TENANT
from batuta.model.state import State
from batuta.plugin import registry

_ENDS = {Behavior.SUCCEED: State.SUCCESS, Behavior.CANCEL: State.CANCELLED, Behavior.KILL: State.KILLED}
"""Behaviors that end the execution, and in which state."""


def is_approval(draft: Draft, run: TaskRun) -> bool:
    """The run waits for a decision, or is about to."""
    place = draft.ledger.outline.places.get(run.task_id)
    return place is not None and issubclass(registry.load(place.task.type), Approval)


def review(draft: Draft, event: on.ReviewGiven) -> None:
    """Somebody has decided."""
    waiting = (
        run
        for run in draft.ledger.runs.values()
        if run.state.current is State.PAUSED
        and event.task_run_id in (None, run.id)
        and is_approval(draft, run)
    )
    run = next(waiting, None)
    if run is not None:
        said = {"by": event.by, "comment": event.comment, "inputs": event.inputs or None}
        _decide(draft, run, Decision.APPROVED if event.approved else Decision.DENIED, said)


def expire(draft: Draft, run: TaskRun) -> None:
    """Nobody has decided in time."""
    _decide(draft, run, Decision.EXPIRED, {})


def _decide(draft: Draft, run: TaskRun, decision: Decision, said: dict[str, Any]) -> None:
    outputs = {
        **(run.outputs or {}),
        "decision": decision.value,
        "auto": False,
        "on": iso8601.format_instant(draft.now),
        **{name: value for name, value in said.items() if value is not None},
    }
    draft.command(CancelTimers(task_run_id=run.id))
    memo = {**(run.memo or {}), "list": list_of(decision), "decision": decision.value}
    draft.move(run, State.RUNNING, memo=memo, outputs=outputs)
    draft.touch(run.id)
    if draft.state is State.PAUSED and not any(
        other.state.current is State.PAUSED for other in draft.ledger.runs.values()
    ):
        go_on(draft, State.RESTARTED, State.RUNNING)


def wait(draft: Draft, run: TaskRun) -> None:
    """Pause until somebody decides; the outputs say until when, and where."""
    outputs = dict(run.outputs or {})
    timeout = draft.ledger.outline.place(run.task_id).task.timeout
    if timeout is not None:
        due = draft.now + iso8601.parse_duration(draft.render(timeout, run) or "")
        outputs["due"] = iso8601.format_instant(due)
    if draft.world.url:
        execution = draft.execution
        path = f"{TENANT}/executions/{execution.namespace}/{execution.flow_id}/{execution.id}"
        outputs["url"] = f"{draft.world.url}/ui/{path}"
    pause(draft, draft.move(run, outputs=outputs or None))


def conclude(draft: Draft, run: TaskRun, approval: Approval, state: State) -> None:
    """The tasks of the decision have run: an error stands, otherwise the behavior has the last word."""
    decision = (run.memo or {}).get("decision")
    if state in (State.FAILED, State.KILLED) or decision is None:
        end_flowable(draft, run, state)
        return
    behavior = approval.behavior(Decision(decision))
    if behavior in _ENDS:
        draft.ledger.forms.pop(run.id, None)
        exit_with(draft, run, _ENDS[behavior])
        return
    end_flowable(draft, run, {Behavior.WARN: State.WARNING, Behavior.FAIL: State.FAILED}.get(behavior, state))

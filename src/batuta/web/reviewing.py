"""Decisions of approvals: what was sent, checked against the task that waits (flow spec §6.12)."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta.engine import events as on
from batuta.engine.flowables.approval import Approval, CommentRequired
from batuta.engine.outline import Place, outline_of
from batuta.errors import Conflict, InvalidRequest
from batuta.model.execution import Execution, TaskRun
from batuta.model.state import State
from batuta.plugin import registry
from batuta.web import operations, replaying, starting
from batuta.web.operations import Operation
from batuta.web.rejections import Invalid, Part
from batuta.web.site import Site

_WORDS = {"APPROVE": True, "APPROVED": True, "DENY": False, "DENIED": False}
_NEEDED = {
    CommentRequired.NEVER: (),
    CommentRequired.ALWAYS: (True, False),
    CommentRequired.ON_APPROVE: (True,),
    CommentRequired.ON_DENY: (False,),
}


class Review(msgspec.Struct, rename="camel"):
    """What somebody decides."""

    decision: str
    comment: str | None = None
    inputs: dict[str, Any] = {}
    task_run_id: str | None = None


async def review(site: Site, execution: Execution, sent: Review) -> Execution:
    """Decide an approval; the execution after the decision.

    Raises:
        Conflict: no approval waits.
        Invalid: the inputs are wrong.
        InvalidRequest: the decision is none, or lacks a comment.
    """
    approved = _WORDS.get(sent.decision.upper())
    if approved is None:
        raise InvalidRequest(
            f"`{sent.decision}` is not a decision", where="decision", mend="send APPROVED or DENIED"
        )
    flow = await replaying.flow_of(site, execution, None)
    outline = outline_of(flow, None if execution.loop is None else execution.loop.task_id)
    run, place = await _waiting(site, execution, sent, outline.places)
    needed = CommentRequired(str(place.task.properties.get("commentRequired", "NEVER")).upper())
    if approved in _NEEDED[needed] and not (sent.comment or "").strip():
        raise InvalidRequest("This decision needs a comment", where="comment", mend="say why")
    inputs = starting.declared(place.task.properties.get("inputs") or ())
    resolution = await starting.resolve(site, flow, inputs, sent.inputs)
    if approved and resolution.violations:
        raise Invalid([Part(message=each.message, path=each.path) for each in resolution.violations])
    operation = Operation(
        title="review",
        event=lambda execution: on.ReviewGiven(
            execution_id=execution.id,
            task_run_id=run.id,
            approved=approved,
            comment=sent.comment,
            inputs=dict(resolution.values) if approved else {},
        ),
        refusal=lambda execution: None,
        bulk_refusal=lambda execution: None,
        effect=lambda before, now: now.state != before.state,
    )
    return await operations.perform(site, execution, operation)


async def _waiting(
    site: Site, execution: Execution, sent: Review, places: dict[str, Place]
) -> tuple[TaskRun, Place]:
    if execution.state.current is State.PAUSED:
        for run in await site.ports.store.executions.task_runs(execution.id):
            place = places.get(run.task_id)
            is_meant = run.state.current is State.PAUSED and sent.task_run_id in (None, run.id)
            if is_meant and place is not None and issubclass(registry.load(place.task.type), Approval):
                return run, place
    raise Conflict(f"No approval of the execution '{execution.id}' waits for a decision")

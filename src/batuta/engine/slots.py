"""Slots of a concurrency limit (flow spec §13.2).

An execution that begins asks for a slot; the store grants or refuses it inside the transaction, counting
rows, for several executions of a flow may ask at once. Nothing gives a slot back: it is free once the
execution is settled. A queued execution is offered a slot when one may be free, and asks again.
"""

from __future__ import annotations

from batuta.engine import events as on
from batuta.engine.commands import AcquireSlot
from batuta.engine.draft import Draft
from batuta.engine.endings import refuse
from batuta.model.flow import ConcurrencyBehavior
from batuta.model.state import State
from batuta.model.task import LogLevel


def admit(draft: Draft) -> None:
    """Let a created execution run, if need be after a slot was granted."""
    limit = draft.concurrency
    if limit is None or not draft.execution.is_counted:
        _run(draft)
    else:
        draft.command(AcquireSlot(limit=limit.limit, behavior=limit.behavior))


def _run(draft: Draft) -> None:
    draft.move_execution(State.RUNNING)
    draft.touch(None)


def offered(draft: Draft) -> None:
    """A slot may be free for a queued execution. Where the limit does not queue any more, all may run."""
    if draft.state is not State.QUEUED:
        return
    limit = draft.concurrency
    if limit is None or limit.behavior is not ConcurrencyBehavior.QUEUE:
        _run(draft)
    else:
        draft.command(AcquireSlot(limit=limit.limit, behavior=limit.behavior))


def granted(draft: Draft) -> None:
    """The execution has a slot."""
    if draft.state in (State.CREATED, State.QUEUED):
        _run(draft)


def refused(draft: Draft, event: on.SlotRefused) -> None:
    """All slots are taken, or others have waited longer. One that is queued already goes on waiting."""
    if draft.state is not State.CREATED:
        return
    name = f"Flow {draft.execution.flow_key}"
    match event.behavior:
        case ConcurrencyBehavior.QUEUE:
            draft.log(
                LogLevel.INFO,
                f"{name} is queued due to concurrency limit exceeded, {event.limit} running(s)",
            )
            draft.move_execution(State.QUEUED)
        case ConcurrencyBehavior.CANCEL:
            draft.log(LogLevel.WARN, f"{name} is CANCELLED due to concurrency limit exceeded")
            refuse(draft, State.CANCELLED)
        case ConcurrencyBehavior.FAIL:
            draft.log(LogLevel.ERROR, f"{name} is FAILED due to concurrency limit exceeded")
            refuse(draft, State.FAILED)

"""Service levels: an execution takes too long, or is not as it should be (flow spec §14.1)."""

from __future__ import annotations

from batuta import expr, iso8601
from batuta.engine import events as on
from batuta.engine.commands import SetTimer
from batuta.engine.draft import Draft
from batuta.engine.endings import cut_short
from batuta.engine.rules import Sla, SlaBehavior
from batuta.model import labels
from batuta.model.state import State
from batuta.model.task import LogLevel

TIMER_PREFIX = "sla/"
"""A timer's name is this and the position of its SLA in the flow; ids need not be unique."""


def monitor(draft: Draft) -> None:
    """Set a timer for each duration. Time in a queue or in a pause counts."""
    execution = draft.execution
    began = max(execution.state.started_at, execution.schedule_at or execution.state.started_at)
    for place, sla in enumerate(draft.ledger.outline.slas):
        if sla.duration is not None:
            draft.command(SetTimer(timer=f"{TIMER_PREFIX}{place}", at=began + sla.duration))


def time_is_over(draft: Draft, event: on.DelayElapsed) -> None:
    """The execution has taken as long as it may."""
    slas, place = draft.ledger.outline.slas, int(event.timer.removeprefix(TIMER_PREFIX))
    if draft.execution.is_ended or place >= len(slas) or slas[place].duration is None:
        return
    sla = slas[place]
    taken = iso8601.format_duration(draft.now - draft.execution.state.started_at)
    most = iso8601.format_duration(sla.duration or draft.now - draft.now)
    _violated(draft, sla, f"execution duration of {taken} exceed the maximum duration of {most}.")


def check_assertions(draft: Draft) -> None:
    """Evaluate each assertion. Of those that do not hold the first one that ends the execution does so."""
    for sla in draft.ledger.outline.slas:
        if draft.execution.is_ended:
            return
        if sla.condition is None:
            continue
        try:
            holds = expr.is_truthy_text(draft.render(sla.condition))
        except expr.ExpressionError as error:
            if _first_time(draft, f"broken {sla.condition}"):
                draft.log(LogLevel.ERROR, f"Unable to evaluate the SLA '{sla.id}', it is ignored: {error}")
            continue
        if not holds:
            _violated(draft, sla, f"assertion is false: {sla.condition}.")


def _first_time(draft: Draft, what: str) -> bool:
    """Whether this has not been said of the execution before. After a restart of the program it may be said
    again."""
    seen = draft.ledger.complaints
    if what in seen:
        return False
    seen.add(what)
    return True


def _violated(draft: Draft, sla: Sla, reason: str) -> None:
    if sla.behavior is not SlaBehavior.NONE or _first_time(draft, f"violated {sla.id} {reason}"):
        draft.log(LogLevel.WARN, f"SLA '{sla.id}' violated: {reason}")
    if sla.labels:
        merged = labels.merged(draft.execution.labels, sla.labels)
        if merged != draft.execution.labels:
            draft.change_execution(labels=merged)
    match sla.behavior:
        case SlaBehavior.FAIL:
            draft.log(LogLevel.ERROR, f"Execution failed due to SLA '{sla.id}' violated: {reason}")
            cut_short(draft, State.FAILED)
        case SlaBehavior.CANCEL:
            cut_short(draft, State.CANCELLED)

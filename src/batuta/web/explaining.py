"""Why an execution has not ended: from the evidence to a chain of causes, each with what moves it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from batuta import iso8601
from batuta.engine.sla import TIMER_PREFIX
from batuta.model.causes import Cause, Explanation
from batuta.model.execution import Execution, ExecutionTrigger
from batuta.model.records import LogLine
from batuta.model.state import State
from batuta.model.trigger import TriggerRecord
from batuta.store.batch import Timer
from batuta.web.causes import causes_of
from batuta.web.evidence import Evidence


def explained(found: Evidence, now: datetime, slots: int) -> Explanation:
    """The explanation of one execution; `slots` is how many attempts a worker runs at once."""
    execution = found.execution
    causes = tuple(causes_of(found, now, slots))
    return Explanation(
        execution_id=execution.id,
        namespace=execution.namespace,
        flow_id=execution.flow_id,
        state=execution.state.current,
        since=execution.state.changed_at,
        message=_summary(found, causes),
        causes=causes,
        notes=tuple(_notes(found)),
        command=_again(execution),
    )


def _summary(found: Evidence, causes: tuple[Cause, ...]) -> str:
    execution = found.execution
    if execution.settled:
        return f"it has ended in {execution.state.current}{_first_failure(found)}"
    if not causes:
        return "its next step is being made"
    first = causes[0].message
    ended = f"it has ended in {execution.state.current}, its afterExecution has not: " if _over(found) else ""
    more = len(causes) - 1
    return f"{ended}{first}" + (f", and {more} more {'cause' if more == 1 else 'causes'}" if more else "")


def _over(found: Evidence) -> bool:
    return found.execution.is_ended and not found.execution.settled


def _first_failure(found: Evidence) -> str:
    if found.execution.state.current is not State.FAILED:
        return ""
    failed = next((run for run in found.runs if run.state.current is State.FAILED and run.memo is None), None)
    if failed is None:
        return ""
    problem = failed.attempts[-1].problem if failed.attempts else None
    return f": the task `{failed.task_id}` failed" + (f": {problem.splitlines()[0]}" if problem else "")


def _again(execution: Execution) -> str | None:
    if execution.settled and execution.state.current is State.FAILED:
        return f"batuta execution restart {execution.id}"
    return None


def _notes(found: Evidence) -> Iterator[str]:
    execution = found.execution
    if execution.settled:
        if found.errors:
            yield "the last errors of its log:\n" + "\n".join(_indented(line) for line in found.errors)
        return
    yield from _slas(found)
    trigger = execution.trigger
    if found.held_trigger is not None:
        yield _held(found.held_trigger)
    if trigger is not None and (text := _started_by(trigger)) is not None:
        yield text
    if found.behind:
        waiting = "1 execution of its flow waits" if found.behind == 1 else f"{found.behind} executions wait"
        yield f"{waiting} for a slot such as the one it holds"


def _indented(line: LogLine) -> str:
    where = f"{line.task_id}: " if line.task_id else ""
    return "\n".join(f"  {text}" for text in f"{where}{line.message}".splitlines())


def _held(record: TriggerRecord) -> str:
    name = f"the trigger `{record.trigger_id}`"
    if record.disabled:
        return f"{name}, which is switched off, starts nothing new before it ends"
    backfill = record.backfill
    if backfill is None:
        return f"{name} starts nothing new before it ends"
    at = iso8601.format_instant(backfill.current)
    if backfill.paused:
        return f"the backfill of {name} is paused before {at}"
    return f"the backfill of {name} goes on with {at} once it has ended"


def _started_by(trigger: ExecutionTrigger) -> str | None:
    parent = trigger.variables.get("executionId")
    if isinstance(parent, str) and "taskRunId" in trigger.variables:
        return f"the task `{trigger.id}` of execution {parent} waits for it"
    return None


def _slas(found: Evidence) -> Iterator[str]:
    slas = () if found.outline is None else found.outline.slas
    for timer in found.timers:
        place = _place_of(timer)
        if place is not None and place < len(slas):
            sla = slas[place]
            at = iso8601.format_instant(timer.at)
            yield f"the SLA `{sla.id}` is violated at {at} unless it ends before (behavior {sla.behavior})"


def _place_of(timer: Timer) -> int | None:
    text = timer.timer.removeprefix(TIMER_PREFIX)
    return int(text) if timer.timer.startswith(TIMER_PREFIX) and text.isdigit() else None


def document(explanation: Explanation) -> dict[str, Any]:
    """An explanation as the API shows it."""
    shown: dict[str, Any] = msgspec.to_builtins(explanation, builtin_types=(datetime,))
    return shown

"""The life of an execution as a whole: made, started, finished, settled (flow spec §5.1, §5.5, §5.6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from batuta import expr, flows
from batuta.engine import approving, looping, pausing, quotas, sla, slots
from batuta.engine import events as on
from batuta.engine.commands import CancelTimers, RunTask, SetTimer
from batuta.engine.dispatch import PAUSE_TIMER, TIMEOUT_TIMER, dispatch
from batuta.engine.draft import GROWTH_TIMER, Draft, attempt_cut
from batuta.engine.endings import ITERATION, PARENT_RUN, RETRY_TIMER, end_what_waits, settle
from batuta.engine.flowables.loop import declared_outputs
from batuta.engine.outline import AFTER_EXECUTION, Kind
from batuta.errors import BatutaError
from batuta.model import labels as words
from batuta.model.execution import (
    Breakpoint,
    Execution,
    ExecutionKind,
    ExecutionTrigger,
    LoopItem,
    LoopRun,
    TaskRun,
)
from batuta.model.flow import Flow
from batuta.model.inputs import FlowOutput
from batuta.model.labels import Label
from batuta.model.state import History, State
from batuta.model.task import LogLevel, Task

SCHEDULE_TIMER = "schedule"


def new_execution(
    flow: Flow,
    *,
    id: str,
    inputs: dict[str, Any],
    labels: Iterable[Label] = (),
    trigger: ExecutionTrigger | None = None,
    now: datetime,
    schedule_at: datetime | None = None,
    kind: ExecutionKind = ExecutionKind.NORMAL,
    asked_outputs: dict[str, str] | None = None,
    breakpoints: tuple[Breakpoint, ...] = (),
    depth: int = 0,
) -> Execution:
    """The row of a new execution of a flow, in the state CREATED.

    Labels are the flow's own without those of the system, then the caller's, then a correlation id where the
    caller gave none (flow spec §1.2).
    """
    own = (label for label in flow.labels if not label.is_system)
    merged = words.merged(own, labels)
    if words.value_of(merged, words.CORRELATION_ID) is None:
        merged = (*merged, Label(words.CORRELATION_ID, id))
    return Execution(
        id=id,
        namespace=flow.namespace,
        flow_id=flow.id,
        revision=flow.revision,
        state=History.starting(now),
        labels=merged,
        inputs=inputs,
        variables=flow.variables or None,
        trigger=trigger,
        original_id=id,
        original_created_at=now,
        schedule_at=schedule_at,
        kind=kind,
        asked_outputs=asked_outputs,
        breakpoints=breakpoints,
        depth=depth,
    )


def new_iteration(
    parent: Execution, *, id: str, run: TaskRun, task: Task, item: LoopItem, now: datetime
) -> Execution:
    """The row of one iteration of a Loop (flow spec §6.9)."""
    around = () if parent.loop is None else (parent.loop.item, *parent.loop.parents)
    return Execution(
        id=id,
        namespace=parent.namespace,
        flow_id=parent.flow_id,
        revision=parent.revision,
        state=History.starting(now),
        labels=parent.labels,
        variables=parent.variables,
        trigger=ExecutionTrigger(
            task.id,
            task.type,
            {
                "executionId": parent.id,
                "namespace": parent.namespace,
                "flowId": parent.flow_id,
                "flowRevision": parent.revision,
                PARENT_RUN: run.id,
                ITERATION: item.index,
            },
        ),
        parent_id=parent.id,
        original_id=parent.original_id,
        original_created_at=now,
        kind=ExecutionKind.LOOP,
        depth=parent.depth,
        loop=LoopRun(task_id=task.id, task_run_id=run.id, execution_id=parent.id, item=item, parents=around),
    )


def may_schedule(draft: Draft, *, after: bool = False) -> bool:
    """New task runs may start: in afterExecution once the execution has ended, elsewhere while it runs."""
    if after:
        return draft.execution.is_ended
    return draft.state in (State.RUNNING, State.RETRYING)


def start(draft: Draft) -> None:
    """Begin, or wait for the date that was asked for. A replay begins where its source had come to."""
    execution = draft.execution
    if execution.state.current is State.RESTARTED:
        look_again(draft)
    if execution.state.current is not State.CREATED:
        return
    if execution.schedule_at is not None and execution.schedule_at > draft.now:
        draft.command(SetTimer(timer=SCHEDULE_TIMER, at=execution.schedule_at))
        return
    _begin(draft)


def _begin(draft: Draft) -> None:
    sla.monitor(draft)
    if draft.ledger.outline.has_assertions:
        sla.check_assertions(draft)
    if not draft.execution.is_ended and quotas.admits(draft):
        slots.admit(draft)


def look_again(draft: Draft) -> None:
    """After a restart of the program: begin what was not begun, and look at everything under way.

    Jobs, timers and child executions have rows of their own; whoever reads those sends what happened to them.
    """
    if draft.state is State.CREATED:
        start(draft)
        return
    if draft.state is State.QUEUED:
        slots.offered(draft)
        return
    if draft.state is State.RESTARTED:
        draft.move_execution(State.RUNNING)
    draft.touch(None)
    for run_id in draft.ledger.flowables_under_way():
        draft.touch(run_id)
    for run_id in draft.ledger.leaves_under_way():
        run = draft.ledger.runs[run_id]
        if run.state.current in (State.CREATED, State.RESTARTED):
            place = draft.ledger.outline.place(run.task_id)
            if may_schedule(draft, after=place.after_execution):
                if run.token and draft.ledger.outline.kind(place.task) is Kind.INLINE:
                    draft.command(RunTask(run=run, task=place.task, after_execution=place.after_execution))
                else:
                    dispatch(draft, run)


def delay_elapsed(draft: Draft, event: on.DelayElapsed) -> None:
    """A timer has run out."""
    if event.timer == SCHEDULE_TIMER:
        if draft.state is State.CREATED:
            _begin(draft)
        return
    if event.timer.startswith(sla.TIMER_PREFIX):
        sla.time_is_over(draft, event)
        return
    run = None if event.task_run_id is None else draft.ledger.run(event.task_run_id)
    if run is None or run.is_ended:
        return
    if event.timer == RETRY_TIMER:
        if run.state.current is State.RETRYING and run.token == event.token:
            if draft.state is State.RETRYING:
                draft.move_execution(State.RUNNING)
            run = draft.move(run, State.CREATED, retry_at=None)
            if may_schedule(draft, after=draft.ledger.outline.place(run.task_id).after_execution):
                dispatch(draft, run)
    elif event.timer == PAUSE_TIMER:
        pausing.delay_over(draft, run)
    elif event.timer == TIMEOUT_TIMER:
        if run.state.current is State.PAUSED and approving.is_approval(draft, run):
            approving.expire(draft, run)
        elif run.state.current is State.PAUSED:
            pausing.leave(draft, run, State.FAILED, None)
    elif event.timer == looping.LOOP_TIMER:
        looping.interval_over(draft, run)
    elif event.timer == GROWTH_TIMER:
        draft.grow_on(run)


def finish(draft: Draft, state: State) -> None:
    """All tasks are through: render the flow's outputs and end (flow spec §5.5, §3)."""
    draft.move_execution(state)
    # A restart may have set a task on its way again that stands before the one which has failed.
    end_what_waits(draft, state)
    root = draft.ledger.outline.root
    try:
        declared = draft.ledger.outline.flow.outputs if root is None else declared_outputs(root)
        if declared:
            rendered = {output.id: _rendered(draft, output) for output in declared}
            draft.change_execution(
                outputs=flows.type_outputs(declared, rendered, encrypt=draft.world.encrypt)
            )
    except (expr.ExpressionError, BatutaError) as error:
        draft.log(LogLevel.ERROR, f"Failed to render output values: {error}")
        draft.move_execution(State.FAILED)


def _rendered(draft: Draft, output: FlowOutput) -> Any:
    """The value of an output; one that need not be there is null when it cannot be rendered."""
    try:
        return draft.render_deep(output.value)
    except expr.ExpressionError as error:
        if output.required:
            raise
        draft.log(LogLevel.WARN, f"Failed to render the optional output `{output.id}`, it is null: {error}")
        return None


def fail(draft: Draft, reason: str) -> None:
    """A step could not be made: the last task run and the execution fail (flow spec §5.1)."""
    if draft.execution.is_ended:
        return
    draft.log(LogLevel.ERROR, reason)
    open_runs = [run for run in draft.ledger.runs.values() if not run.is_ended]
    for run in open_runs:
        draft.move(run, State.FAILED, attempts=attempt_cut(run, State.FAILED, draft.now))
    draft.move_execution(State.FAILED)
    draft.command(CancelTimers())
    draft.touch(None)


def has_aftermath(draft: Draft) -> bool:
    """`afterExecution` follows on the end; in a playground nothing does (flow spec §18.1)."""
    return draft.execution.kind is not ExecutionKind.PLAYGROUND


def settle_if_over(draft: Draft) -> None:
    """Once the execution and its afterExecution have ended, tell who waits for it."""
    execution = draft.execution
    if not execution.is_ended or execution.settled:
        return
    ledger = draft.ledger
    after = ledger.outline.branch(None, AFTER_EXECUTION)
    if has_aftermath(draft) and ledger.tally(None, AFTER_EXECUTION).ended < len(after):
        return
    if any(
        ledger.runs[run_id].state.current is State.KILLING
        for run_id in ledger.open_leaves | ledger.open_flowables
    ):
        return
    settle(draft)

"""The engine: one event in, changes and commands out. START HERE.

Theory of operation. An execution is held as a `Ledger`: its row, its task runs and counters over them.
`advance` makes one step: `record` writes down what happened, `settle` then follows the consequences until
none is left, and the result is a `Step` with the rows that changed and the commands to carry out once those
rows are durable.

What follows from a change is found without searching: a change marks its parent as dirty, and `settle` looks
at dirty parents only. For each it asks `branch.selected` which list of children is its turn, and the flowable
which children to start; a parent that is through with its list ends, which marks *its* parent. A step
therefore costs by what it changes, not by how much has run before.

The engine reads its arguments and nothing else: time and outside values are handed in, ids are derived, and
an expression that lacks an outside value ends the step with `expr.MissingFact`, leaving the ledger as it was;
the caller fetches the value and makes the step again.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from batuta import expr
from batuta.engine import (
    approving,
    attempts,
    lifecycle,
    looping,
    marking,
    operations,
    pausing,
    sla,
    slots,
    subflows,
)
from batuta.engine import events as on
from batuta.engine.branch import Main, is_through, selected
from batuta.engine.dispatch import start_child
from batuta.engine.draft import Draft, Step
from batuta.engine.endings import end_flowable, is_flowable
from batuta.engine.flowables.approval import Approval
from batuta.engine.flowables.base import Child, Flowable
from batuta.engine.flowables.loop_until import LoopUntil
from batuta.engine.ledger import Ledger
from batuta.engine.outline import AFTER_EXECUTION, TASKS, Kind
from batuta.engine.rules import QuotaUse
from batuta.engine.scope import Scope
from batuta.engine.tally import fold
from batuta.engine.world import World
from batuta.errors import TaskError
from batuta.model.execution import TaskRun
from batuta.model.flow import Concurrency
from batuta.model.state import State
from batuta.model.task import LogLevel, Task


def advance(
    ledger: Ledger,
    event: on.AnyEvent,
    *,
    now: datetime,
    world: World,
    facts: expr.Facts | None = None,
    concurrency: Concurrency | None = None,
    quotas: tuple[QuotaUse, ...] = (),
) -> Step:
    """Advance one execution by one event.

    The ledger takes the changes; if the step fails it is as it was before. The same ledger, event, facts and
    time give the same step.

    Args:
        ledger: the execution, indexed; read at the revision it was created with.
        event: what happened; one that was seen before gives an empty step.
        now: the instant written into histories, UTC.
        world: what the operator decided, the same for every step.
        facts: secrets, key-value entries and files that expressions asked for earlier.
        concurrency: the limit of the newest revision of the flow, for an execution that has not begun.
        quotas: those of the newest revision of the flow, for an execution that has not begun.

    Raises:
        expr.MissingFact: an expression needs an outside value. Fetch it and call again.
    """
    draft = Draft(ledger, now=now, facts=facts, world=world, concurrency=concurrency, quotas=quotas)
    try:
        record(event, draft)
        if ledger.outline.has_assertions:
            sla.check_assertions(draft)
        settle(draft)
        looping.tell_pause(draft)
    except BaseException:
        draft.rollback()
        raise
    return draft.to_step()


def record(event: on.AnyEvent, draft: Draft) -> None:
    """Write down what happened."""
    match event:
        case on.ExecutionCreated():
            lifecycle.start(draft)
        case on.ExecutionLoaded():
            lifecycle.look_again(draft)
        case on.ExecutionFailed():
            lifecycle.fail(draft, event.reason)
        case on.TaskRunStarted():
            attempts.started(draft, event)
        case on.TaskRunFinished():
            attempts.finished(draft, event)
        case on.TaskRunLost():
            attempts.lost(draft, event)
        case on.ChildRunReported():
            attempts.child_reported(draft, event)
        case on.SubflowCreated():
            subflows.created(draft, event)
        case on.SubflowRefused():
            subflows.refused(draft, event)
        case on.IterationPaused():
            looping.paused(draft, event)
        case on.SubflowEnded():
            subflows.ended(draft, event)
        case on.DelayElapsed():
            lifecycle.delay_elapsed(draft, event)
        case on.KillRequested():
            operations.kill(draft, cascade=event.cascade)
        case on.PauseRequested():
            pausing.pause_execution(draft)
        case on.ResumeRequested():
            pausing.resume(draft, event)
        case on.RestartRequested():
            operations.restart(draft)
        case on.ForceRunRequested():
            operations.force_run(draft)
        case on.SlotGranted():
            slots.granted(draft)
        case on.SlotRefused():
            slots.refused(draft, event)
        case on.SlotOffered():
            slots.offered(draft)
        case on.UnqueueRequested():
            operations.unqueue(draft, event.state)
        case on.StatusChanged():
            marking.change_status(draft, event.state)
        case on.TaskRunMarked():
            marking.mark(draft, event)
        case on.ExecutionReplayed():
            marking.note_replay(draft)
        case on.ReviewGiven():
            approving.review(draft, event)
        case on.BreakpointResumed():
            pausing.leave_breakpoint(draft, event.breakpoints)
        case on.LabelsChanged():
            draft.change_execution(labels=event.labels)
        case _:
            assert_never(event)


def settle(draft: Draft) -> None:
    """Follow the consequences until none is left."""
    while (touched := draft.next_touched()) is not None:
        parent_id, changed = touched
        if parent_id is None:
            _look_at_flow(draft)
            continue
        run = draft.ledger.run(parent_id)
        if run is not None and not run.is_ended:
            _look_at_flowable(draft, run, changed)
    lifecycle.settle_if_over(draft)


def _look_at_flow(draft: Draft) -> None:
    """Start the flow's next tasks, or finish the execution."""
    if draft.execution.is_ended:
        if lifecycle.has_aftermath(draft):
            _next_of_list(draft, None, None, AFTER_EXECUTION)
        return
    if not lifecycle.may_schedule(draft):
        return
    ledger = draft.ledger
    tally, tasks = ledger.tally(None, TASKS), ledger.outline.branch(None, TASKS)
    main = Main(TASKS, failed=tally.failed > 0, ended=tally.ended >= len(tasks))
    branch = selected(ledger, None, None, main)
    if is_through(ledger, None, None, branch, main):
        if draft.state is State.RUNNING:
            lifecycle.finish(draft, fold(tally))
            draft.touch(None)
    elif branch is not None:
        _next_of_list(draft, None, None, branch)


def _next_of_list(draft: Draft, parent_id: str | None, task_id: str | None, branch: str) -> None:
    tally, tasks = draft.ledger.tally(parent_id, branch), draft.ledger.outline.branch(task_id, branch)
    if tally.open == 0 and tally.total < len(tasks):
        start_child(draft, Child(_following(draft, parent_id, tasks, tally.last_id)), parent_id)


def _following(draft: Draft, parent_id: str | None, tasks: tuple[Task, ...], last_id: str | None) -> Task:
    """The task behind the one that ran last, found by its id: a restart may use another revision (flow spec
    §5.2)."""
    last = None if last_id is None else draft.ledger.run(last_id)
    at = next((index for index, task in enumerate(tasks) if last is not None and task.id == last.task_id), -1)
    return tasks[at + 1] if at + 1 < len(tasks) else tasks[-1]


def _look_at_flowable(draft: Draft, run: TaskRun, changed: TaskRun | None) -> None:
    """Start a flowable's next children, or end it."""
    ledger = draft.ledger
    place = ledger.outline.place(run.task_id)
    task = place.task
    if not is_flowable(ledger.outline.kind(task)):
        return
    if run.state.current is State.KILLING:
        if all(child.is_ended for child in ledger.children(run.id)):
            end_flowable(draft, run, State.KILLED)
        return
    if run.state.current is not State.RUNNING or not lifecycle.may_schedule(
        draft, after=place.after_execution
    ):
        return
    try:
        flowable: Flowable = draft.form(run)
        scope = Scope(draft, run, task, changed)
        main = _main_of(draft, flowable, scope)
        branch = selected(ledger, run.id, task.id, main)
        if isinstance(flowable, Approval) and flowable.rests(scope):
            approving.wait(draft, run)
            return
        if is_through(ledger, run.id, task.id, branch, main):
            _end(draft, run, flowable, scope, main)
            return
        if branch == main.name:
            if ledger.outline.kind(task) is Kind.FLOWABLE:
                for child in list(flowable.next_children(scope)):
                    start_child(draft, child, run.id)
        elif branch is not None:
            _next_of_list(draft, run.id, task.id, branch)
    except (TaskError, expr.ExpressionError) as error:
        draft.log(LogLevel.ERROR, f"Unable to resolve state from the Flowable task: {error}", run)
        end_flowable(draft, run, State.FAILED)


def _main_of(draft: Draft, flowable: Flowable, scope: Scope) -> Main:
    """How the main list of a flowable stands; a WorkingDirectory's is what its worker reported."""
    if flowable.kind is Kind.DELEGATED:
        reported = scope.memo.get("worker")
        return Main(TASKS, failed=reported == State.FAILED.value, ended=reported is not None)
    name = flowable.main(scope)
    tally = scope.tally(name)
    if scope.memo.get("target") == State.FAILED.value:
        return Main(name, failed=True, ended=True)
    return Main(name, failed=tally.failed > 0, ended=tally.ended >= flowable.size(scope))


def _end(draft: Draft, run: TaskRun, flowable: Flowable, scope: Scope, main: Main) -> None:
    if flowable.kind is Kind.DELEGATED:
        end_flowable(draft, run, State(scope.memo["worker"]))
        return
    state = flowable.folded(fold(scope.tally(main.name)))
    if isinstance(flowable, LoopUntil) and state in (State.SUCCESS, State.WARNING):
        looping.next_pass(draft, run, flowable, state)
        return
    if isinstance(flowable, Approval):
        approving.conclude(draft, run, flowable, state)
        return
    target = scope.memo.get("target")
    end_flowable(draft, run, State(target) if target and state is State.SUCCESS else state)

"""The small world around the engine, in memory: executions, timers, slots, and flows that start others.

A `Stage` obeys every command of the engine. Who runs the tasks is left to its two kinds: the `Simulation` has
a scripted worker and moves the clock by hand, the `Rehearsal` runs tasks for real.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from batuta import expr, flows
from batuta.engine import checks
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.endings import started_by
from batuta.engine.ledger import Ledger
from batuta.engine.lifecycle import new_execution, new_iteration
from batuta.engine.machine import advance
from batuta.engine.outline import outline_of
from batuta.engine.quotas import window_start
from batuta.engine.rules import CheckBehavior, QuotaUse, quotas_of
from batuta.engine.world import World
from batuta.errors import BatutaError, Conflict, InvalidRequest, NotFound
from batuta.model.execution import Execution, ExecutionKind, ExecutionTrigger
from batuta.model.flow import Flow, FlowKey
from batuta.model.labels import QUOTA, Label, value_of
from batuta.model.state import State

START = datetime(2026, 1, 1, tzinfo=UTC)
"""When the clock of a test begins, unless the test says otherwise."""

_UNDER_WAY = frozenset(
    {State.RUNNING, State.PAUSED, State.RETRYING, State.RESTARTED, State.BREAKPOINT, State.KILLING}
)


class Stage:
    """Executions that run in memory. Several, because a Subflow starts others."""

    def __init__(self, known: Iterable[Flow], world: World) -> None:
        self.now = START
        self.flows: dict[FlowKey, Flow] = {flow.key: flow for flow in known}
        self.world = world
        self.ledgers: dict[str, Ledger] = {}
        self.log: list[str] = []
        self.timers: list[tuple[datetime, int, on.AnyEvent]] = []
        self.stopped: set[str] = set()
        self.stored: dict[str, list[Any]] = {}
        """Rows that were stored, by task run id."""
        self.admitted: set[str] = set()
        """Executions that were granted a slot."""
        self._events: deque[on.AnyEvent] = deque()
        self._sequence = 0

    # What its kinds do in their own way

    def _known(self) -> expr.Facts:
        """The outside values that expressions may use."""
        return expr.Facts()

    def _run(self, ledger: Ledger, command: do.RunTask) -> None:
        """Make an attempt; its end is an event."""
        raise NotImplementedError

    def _stop(self, run_id: str) -> None:
        """Interrupt the attempt of a task run, if there is one."""
        raise NotImplementedError

    def _write(self, ledger: Ledger, command: do.WriteLog) -> None:
        """Take a line of the engine."""
        self.log.append(f"{command.level} {command.message}")

    def _store(self, ledger: Ledger, command: do.StoreRows) -> None:
        """Say where rows were stored."""
        self._events.append(
            on.TaskRunFinished(
                execution_id=ledger.execution.id,
                task_run_id=command.run.id,
                token=command.run.token,
                state=State.SUCCESS,
                outputs={**command.beside, command.output: f"kestra:///{command.run.id}"},
            )
        )

    def _repeat(self, ledger: Ledger, command: do.CreateExecution) -> None:
        """A failed execution is to be tried again as a new one."""
        self.log.append(f"new execution at {command.at.isoformat()}")

    # What they share

    def _create(
        self,
        flow: Flow,
        given: dict[str, Any],
        labels: tuple[Label, ...],
        trigger: ExecutionTrigger | None,
        execution_id: str,
        schedule_at: datetime | None = None,
        asked_outputs: dict[str, str] | None = None,
        kind: ExecutionKind = ExecutionKind.NORMAL,
        depth: int = 0,
    ) -> Execution:
        resolution = flows.resolve(
            flow.inputs,
            given,
            _about(flow),
            self._known(),
            encrypt=self.world.encrypt,
            options=self.world.options(self.now),
        )
        if resolution.violations:
            raise InvalidRequest("; ".join(violation.message for violation in resolution.violations))
        execution = new_execution(
            flow,
            id=execution_id,
            inputs=dict(resolution.values),
            labels=labels,
            trigger=trigger,
            now=self.now,
            schedule_at=schedule_at,
            asked_outputs=asked_outputs,
            kind=kind,
            depth=depth,
        )
        failed = checks.failed_checks(
            flow, execution.inputs, now=self.now, world=self.world, facts=self._known()
        )
        match checks.verdict(failed):
            case CheckBehavior.BLOCK_EXECUTION:
                raise checks.refusal(failed)
            case CheckBehavior.FAIL_EXECUTION:
                execution = checks.failed_at_birth(execution, self.now)
        self.ledgers[execution.id] = Ledger(execution, outline_of(flow))
        self._events.append(on.ExecutionCreated(execution_id=execution.id))
        return execution

    def _step(self, ledger: Ledger, event: on.AnyEvent) -> None:
        flow = self.flows.get(ledger.execution.flow_key)
        step = advance(
            ledger,
            event,
            now=self.now,
            world=self.world,
            facts=self._known(),
            concurrency=None if flow is None else flow.concurrency,
            quotas=self._quotas(ledger.execution),
        )
        for command in step.commands:
            self._obey(ledger, command)
        if step.execution is not None and (
            step.execution.settled or ledger.execution.state.current is State.QUEUED
        ):
            self.offer_slots(ledger.execution.flow_key)

    def _quotas(self, execution: Execution) -> tuple[QuotaUse, ...]:
        """The quotas of the flow of an execution that has not begun, and how much of each is used."""
        flow = self.flows.get(execution.flow_key)
        if flow is None or execution.state.current is not State.CREATED or not execution.is_counted:
            return ()
        others = [
            each.execution
            for each in self.ledgers.values()
            if each.execution.flow_key == execution.flow_key
            and each.execution.is_counted
            and value_of(each.execution.labels, QUOTA) is None
            and each.execution.state.started_at < execution.state.started_at
        ]
        return tuple(
            QuotaUse(quota, sum(each.state.started_at >= start for each in others))
            for quota in quotas_of(flow.document)
            for start in (window_start(quota.duration, self.now),)
        )

    def running(self, key: FlowKey) -> list[str]:
        """Ids of executions that hold a slot of a flow."""
        return [
            each.execution.id
            for each in self.ledgers.values()
            if each.execution.flow_key == key
            and not each.execution.settled
            and each.execution.is_counted
            and (each.execution.id in self.admitted or each.execution.state.current in _UNDER_WAY)
        ]

    def queued(self, key: FlowKey) -> list[Execution]:
        """Executions that wait for a slot, those that wait longest first."""
        found = [each.execution for each in self.ledgers.values() if each.execution.flow_key == key]
        waiting = [each for each in found if each.state.current is State.QUEUED]
        return sorted(waiting, key=lambda each: (each.state.started_at, each.id))

    def offer_slots(self, key: FlowKey) -> None:
        """Tell queued executions that a slot may be free."""
        for execution in self.queued(key):
            self._events.append(on.SlotOffered(execution_id=execution.id))

    def _acquire(self, execution: Execution, command: do.AcquireSlot) -> on.AnyEvent:
        mine = (execution.state.started_at, execution.id)
        held = [each for each in self.running(execution.flow_key) if each != execution.id]
        older = [
            each
            for each in self.queued(execution.flow_key)
            if (each.state.started_at, each.id) < mine and each.id not in self.admitted
        ]
        if len(held) >= command.limit or older:
            return on.SlotRefused(execution_id=execution.id, limit=command.limit, behavior=command.behavior)
        self.admitted.add(execution.id)
        return on.SlotGranted(execution_id=execution.id)

    def _obey(self, ledger: Ledger, command: do.AnyCommand) -> None:
        execution_id = ledger.execution.id
        match command:
            case do.RunTask():
                self._run(ledger, command)
            case do.WriteLog():
                self._write(ledger, command)
            case do.SetTimer():
                event: on.AnyEvent = on.DelayElapsed(
                    execution_id=execution_id,
                    task_run_id=command.task_run_id,
                    timer=command.timer,
                    token=command.token,
                )
                self._after(command.at, event)
            case do.CancelTimers():
                self.timers = [
                    timer
                    for timer in self.timers
                    if timer[2].execution_id != execution_id
                    or not isinstance(timer[2], on.DelayElapsed)
                    or command.task_run_id not in (None, timer[2].task_run_id)
                ]
            case do.StopTaskRuns():
                for run_id in command.task_run_ids:
                    self.stopped.add(run_id)
                    self._stop(run_id)
            case do.StartIteration():
                child_id = do.child_id(command.run, command.item.index)
                iteration = new_iteration(
                    ledger.execution,
                    id=child_id,
                    run=command.run,
                    task=command.task,
                    item=command.item,
                    now=self.now,
                )
                outline = outline_of(ledger.outline.flow, command.task.id)
                self.ledgers[child_id] = Ledger(iteration, outline, outer=ledger)
                self._events.append(on.ExecutionCreated(execution_id=child_id))
            case do.StoreRows():
                self.stored[command.run.id] = command.rows
                self._store(ledger, command)
            case do.StartSubflow():
                self._events.append(self._subflow(ledger, command))
            case do.TellPause():
                self._events.append(
                    on.IterationPaused(
                        execution_id=command.parent_execution_id,
                        task_run_id=command.task_run_id,
                        child_id=command.child_id,
                        index=command.index,
                        paused=command.paused,
                    )
                )
            case do.TellParent():
                self._events.append(
                    on.SubflowEnded(
                        execution_id=command.parent_execution_id,
                        task_run_id=command.task_run_id,
                        child_id=execution_id,
                        index=command.index,
                        original_id=command.original_id,
                        problem=command.problem,
                        state=command.state,
                        outputs=command.outputs,
                    )
                )
            case do.StopSubflows():
                for child in self.children(execution_id):
                    wanted = command.task_run_id
                    mine = not child.execution.settled and started_by(child.execution) == wanted
                    if wanted is None or mine:
                        self._events.append(on.KillRequested(execution_id=child.execution.id))
            case do.RestartSubflow():
                self._events.append(on.RestartRequested(execution_id=command.child_id))
            case do.AcquireSlot():
                self._events.append(self._acquire(ledger.execution, command))
            case do.CreateExecution():
                self._repeat(ledger, command)

    def children(self, execution_id: str) -> list[Ledger]:
        """Executions that tasks of one started."""
        return [
            ledger
            for ledger in self.ledgers.values()
            if ledger.execution.trigger is not None
            and ledger.execution.trigger.variables.get("executionId") == execution_id
        ]

    def _subflow(self, ledger: Ledger, command: do.StartSubflow) -> on.AnyEvent:
        flow = self.flows.get(FlowKey(command.namespace, command.flow_id))
        child_id = do.child_id(command.run, command.index)
        try:
            if flow is None:
                raise NotFound(f"Unable to find flow '{command.namespace}'.'{command.flow_id}'")
            if flow.disabled:
                raise Conflict(f"Cannot execute a flow which is disabled: {flow.key}")
            trigger = ExecutionTrigger(command.task.id, command.task.type, command.trigger)
            self._create(
                flow,
                command.inputs,
                command.labels,
                trigger,
                child_id,
                command.schedule_at,
                command.asked_outputs,
                depth=command.depth,
            )
        except BatutaError as error:
            return on.SubflowRefused(
                execution_id=ledger.execution.id,
                task_run_id=command.run.id,
                token=command.run.token,
                index=command.index,
                reason=str(error),
            )
        child = self.ledgers[child_id].execution
        if child.settled:
            self._after(
                self.now,
                on.SubflowEnded(
                    execution_id=ledger.execution.id,
                    task_run_id=command.run.id,
                    index=command.index,
                    child_id=child_id,
                    state=child.state.current,
                ),
            )
        return on.SubflowCreated(
            execution_id=ledger.execution.id,
            task_run_id=command.run.id,
            token=command.run.token,
            index=command.index,
            child_id=child_id,
        )

    def _after(self, at: datetime, event: on.AnyEvent) -> None:
        self._sequence += 1
        self.timers.append((at, self._sequence, event))


def _about(flow: Flow) -> dict[str, Any]:
    """What the templates of a flow's inputs see."""
    return {
        "flow": {"id": flow.id, "namespace": flow.namespace, "revision": flow.revision},
        "namespace": {"id": flow.namespace},
        "vars": flow.variables,
    }

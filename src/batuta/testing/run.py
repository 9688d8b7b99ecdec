"""Drive the pure engine with a scripted worker and a clock that is moved by hand.

```python
done = run("id: f\\nnamespace: n\\ntasks: [...]", given={"b": State.FAILED})
assert done.state is State.FAILED
assert done.runs == {"a": "SUCCESS", "b": "FAILED"}
```

Tasks that do no input or output are really run; every other task ends as `given` says, at once and with
SUCCESS unless told otherwise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from batuta import expr, flows, ids
from batuta.engine import checks
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.engine.lifecycle import new_execution, new_iteration
from batuta.engine.machine import advance
from batuta.engine.outline import Kind, outline_of
from batuta.engine.rules import CheckBehavior
from batuta.engine.world import World
from batuta.errors import BatutaError
from batuta.model.execution import Execution, ExecutionKind, ExecutionTrigger, TaskRun
from batuta.model.flow import Flow, FlowKey
from batuta.model.labels import Label
from batuta.model.state import State
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.reporting import Kinds, Levels
from batuta.plugin.task import InlineTask

START = datetime(2026, 1, 1, tzinfo=UTC)


_UNDER_WAY = frozenset(
    {State.RUNNING, State.PAUSED, State.RETRYING, State.RESTARTED, State.BREAKPOINT, State.KILLING}
)


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ends. `after` keeps the worker busy for a time; `held` until the test lets it go."""

    state: State = State.SUCCESS
    outputs: dict[str, Any] | None = None
    after: timedelta = timedelta(0)
    held: bool = False


Given = State | dict[str, Any] | Outcome | list[Any] | Callable[[TaskRun], Any]
"""A state, outputs, an outcome, a list of these by attempt, or a function of the run that gives one."""


class Simulation:
    """Executions that run in memory. Several, because a Subflow starts others."""

    def __init__(
        self,
        *sources: str,
        given: Mapping[str, Given] | None = None,
        facts: Mapping[expr.Fact, Any] | None = None,
        world: World | None = None,
    ) -> None:
        self.now = START
        self.flows: dict[FlowKey, Flow] = {}
        for source in sources:
            flow = flows.parse(source)
            self.flows[flow.key] = flow
        self.given = dict(given or {})
        self.facts = dict(facts or {})
        self.world = world or World()
        self.ledgers: dict[str, Ledger] = {}
        self.log: list[str] = []
        self.timers: list[tuple[datetime, int, on.AnyEvent]] = []
        self.stopped: set[str] = set()
        self.stored: dict[str, list[Any]] = {}
        """Rows that were stored, by task run id."""
        self.held: dict[str, do.RunTask] = {}
        """Attempts that a worker holds until `release`, by task run id."""
        self.admitted: set[str] = set()
        """Executions that were granted a slot."""
        self._events: deque[on.AnyEvent] = deque()
        self._attempts: dict[str, int] = {}
        self._sequence = 0

    # What a test does

    def start(
        self,
        key: FlowKey | None = None,
        inputs: Mapping[str, Any] | None = None,
        *labels: Label,
        schedule_at: datetime | None = None,
    ) -> Run:
        """Create an execution of a flow, the first one unless named, and work until nothing moves."""
        flow = self.flows[key] if key is not None else next(iter(self.flows.values()))
        execution = self._create(
            flow, dict(inputs or {}), labels, None, ids.derived_id("run", len(self.ledgers)), schedule_at
        )
        self.work()
        return Run(self, execution.id)

    def send(self, event: on.AnyEvent) -> None:
        """Let something happen, and work until nothing moves."""
        self._events.append(event)
        self.work()

    def release(self, task_run_id: str, outcome: Given = State.SUCCESS) -> None:
        """Let a held attempt end."""
        command = self.held.pop(task_run_id)
        self._end(command, _outcome(outcome, command.run, 1))
        self.work()

    def move(self, by: timedelta) -> None:
        """Move the clock, timer by timer."""
        until = self.now + by
        while self.timers and min(self.timers)[0] <= until:
            timer = min(self.timers)
            self.timers.remove(timer)
            self.now = max(self.now, timer[0])
            self._events.append(timer[2])
            self.work()
        self.now = until

    def work(self) -> None:
        """Make steps until no event is left."""
        while self._events:
            event = self._events.popleft()
            ledger = self.ledgers.get(event.execution_id)
            if ledger is not None:
                self._step(ledger, event)

    # The small world around the engine

    def _create(
        self,
        flow: Flow,
        given: dict[str, Any],
        labels: tuple[Label, ...],
        trigger: ExecutionTrigger | None,
        execution_id: str,
        schedule_at: datetime | None = None,
        asked_outputs: dict[str, str] | None = None,
    ) -> Execution:
        resolution = flows.resolve(flow.inputs, given, {}, expr.Facts(self.facts))
        if resolution.violations:
            raise BatutaError("; ".join(violation.message for violation in resolution.violations))
        execution = new_execution(
            flow,
            id=execution_id,
            inputs=dict(resolution.values),
            labels=labels,
            trigger=trigger,
            now=self.now,
            schedule_at=schedule_at,
            asked_outputs=asked_outputs,
        )
        failed = checks.failed_checks(flow, execution.inputs, now=self.now, world=self.world)
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
            facts=expr.Facts(self.facts),
            concurrency=None if flow is None else flow.concurrency,
        )
        for command in step.commands:
            self._obey(ledger, command)
        if step.execution is not None and (
            step.execution.settled or ledger.execution.state.current is State.QUEUED
        ):
            self.offer_slots(ledger.execution.flow_key)

    def running(self, key: FlowKey) -> list[str]:
        """Ids of executions that hold a slot of a flow."""
        return [
            each.execution.id
            for each in self.ledgers.values()
            if each.execution.flow_key == key
            and not each.execution.settled
            and each.execution.kind is not ExecutionKind.LOOP
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
                self.log.append(f"{command.level} {command.message}")
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
                    held = self.held.pop(run_id, None)
                    if held is not None:
                        self._end(held, Outcome(State.KILLED))
            case do.StartIteration():
                child_id = ids.derived_id(command.run.id, "iteration", command.run.token, command.item.index)
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
                self._events.append(
                    on.TaskRunFinished(
                        execution_id=execution_id,
                        task_run_id=command.run.id,
                        token=command.run.token,
                        state=State.SUCCESS,
                        outputs={command.output: f"kestra:///{command.run.id}"},
                    )
                )
            case do.StartSubflow():
                self._events.append(self._subflow(ledger, command))
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
                    self._events.append(on.KillRequested(execution_id=child.execution.id))
            case do.RestartSubflow():
                self._events.append(on.RestartRequested(execution_id=command.child_id))
            case do.AcquireSlot():
                self._events.append(self._acquire(ledger.execution, command))
            case do.CreateExecution():
                self.log.append(f"new execution at {command.at.isoformat()}")

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
        child_id = ids.derived_id(command.run.id, "child", command.run.token, command.index or 0)
        try:
            if flow is None:
                raise BatutaError(f"Unable to find flow '{command.namespace}'.'{command.flow_id}'")
            trigger = ExecutionTrigger(command.task.id, command.task.type, command.trigger)
            self._create(
                flow,
                command.inputs,
                command.labels,
                trigger,
                child_id,
                command.schedule_at,
                command.asked_outputs,
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

    def _run(self, ledger: Ledger, command: do.RunTask) -> None:
        task = command.task
        number = self._attempts[command.run.id] = self._attempts.get(command.run.id, 0) + 1
        if task.id in self.given:
            outcome = _outcome(self.given[task.id], command.run, number)
        elif ledger.outline.kind(task) is Kind.INLINE:
            outcome = self._inline(ledger, command)
        else:
            outcome = Outcome()
        if outcome.held or outcome.after:
            self._events.append(
                on.TaskRunStarted(
                    execution_id=ledger.execution.id,
                    task_run_id=command.run.id,
                    token=command.run.token,
                    at=self.now,
                )
            )
        if outcome.held:
            self.held[command.run.id] = command
        else:
            self._end(command, outcome, ledger)

    def _end(self, command: do.RunTask, outcome: Outcome, ledger: Ledger | None = None) -> None:
        if ledger is None:
            ledger = next(each for each in self.ledgers.values() if command.run.id in each.runs)
        event = on.TaskRunFinished(
            execution_id=ledger.execution.id,
            task_run_id=command.run.id,
            token=command.run.token,
            state=outcome.state,
            outputs=outcome.outputs,
        )
        if outcome.after:
            self._after(self.now + outcome.after, event)
        else:
            self._events.append(event)

    def _inline(self, ledger: Ledger, command: do.RunTask) -> Outcome:
        context = _Context(Names(ledger, self.world, command.run), self)
        try:
            task: InlineTask = ledger.outline.form(command.task).build(context.render)
            return Outcome(State.SUCCESS, plain_outputs(task.compute(context)))
        except (BatutaError, expr.ExpressionError) as error:
            self.log.append(f"ERROR {error}")
            return Outcome(State.FAILED)

    def _after(self, at: datetime, event: on.AnyEvent) -> None:
        self._sequence += 1
        self.timers.append((at, self._sequence, event))


class Run:
    """One execution of a simulation, as a test wants to see it."""

    def __init__(self, simulation: Simulation, execution_id: str) -> None:
        self.simulation = simulation
        self.id = execution_id

    @property
    def ledger(self) -> Ledger:
        """The execution with its task runs."""
        return self.simulation.ledgers[self.id]

    @property
    def execution(self) -> Execution:
        """The execution's row."""
        return self.ledger.execution

    @property
    def state(self) -> State:
        """The execution's present state."""
        return self.execution.state.current

    @property
    def history(self) -> list[str]:
        """All states of the execution."""
        return [moment.state.value for moment in self.execution.state.moments]

    @property
    def runs(self) -> dict[str, str]:
        """State by task run, in order of creation; runs of loops are named `task[outer,inner]`."""
        return {self._name(run): run.state.current.value for run in self.ledger.runs.values()}

    @property
    def log(self) -> str:
        """All that was logged."""
        return "\n".join(self.simulation.log)

    def run(self, name: str) -> TaskRun:
        """A task run by the name under which `runs` shows it."""
        return next(run for run in self.ledger.runs.values() if self._name(run) == name)

    def history_of(self, name: str) -> list[str]:
        """All states of a task run."""
        return [moment.state.value for moment in self.run(name).state.moments]

    def attempts_of(self, name: str) -> list[str]:
        """The states in which the attempts of a task run are."""
        return [attempt.state.current.value for attempt in self.run(name).attempts]

    @property
    def outputs(self) -> dict[str, Any]:
        """What expressions see as `outputs`."""
        return self.ledger.outputs

    def release(self, name: str, outcome: Given = State.SUCCESS) -> None:
        """Let a held attempt end."""
        self.simulation.release(self.run(name).id, outcome)

    def kill(self, *, cascade: bool = True) -> None:
        """Ask for the execution to stop."""
        self.simulation.send(on.KillRequested(execution_id=self.id, cascade=cascade))

    def resume(self, **inputs: Any) -> None:
        """Let the paused execution go on."""
        self.simulation.send(on.ResumeRequested(execution_id=self.id, inputs=inputs))

    def restart(self) -> None:
        """Try again what failed."""
        self.simulation.send(on.RestartRequested(execution_id=self.id))

    def move(self, **by: float) -> None:
        """Move the clock: `move(seconds=5)`."""
        self.simulation.move(timedelta(**by))

    @property
    def child(self) -> Run:
        """The execution that a Subflow of this one started last."""
        return Run(self.simulation, self.simulation.children(self.id)[-1].execution.id)

    def _name(self, run: TaskRun) -> str:
        values = self.ledger.value_path(run)
        return f"{run.task_id}[{','.join(values)}]" if values else run.task_id


def run(
    *sources: str,
    given: Mapping[str, Given] | None = None,
    inputs: Mapping[str, Any] | None = None,
    facts: Mapping[expr.Fact, Any] | None = None,
) -> Run:
    """Run the first flow of `sources` until nothing moves; the others are there for its Subflows."""
    return Simulation(*sources, given=given, facts=facts).start(inputs=inputs)


def _outcome(given: Given, run: TaskRun, attempt: int) -> Outcome:
    if isinstance(given, list):
        return _outcome(given[min(attempt, len(given)) - 1], run, attempt)
    if isinstance(given, State):
        return Outcome(given)
    if isinstance(given, dict):
        return Outcome(outputs=given)
    if isinstance(given, Outcome):
        return given
    return _outcome(given(run), run, attempt)


class _Context(Levels, Kinds):
    """The inline context of a simulation: what is said goes to the simulation's log."""

    def __init__(self, names: Names, simulation: Simulation) -> None:
        self.names = names
        self._simulation = simulation

    @property
    def log(self) -> _Context:
        return self

    @property
    def metrics(self) -> _Context:
        return self

    def render(self, template: str, **extra: Any) -> str | None:
        names = self.names.extended(**extra) if extra else self.names
        options = self._simulation.world.options(self._simulation.now)
        return expr.render(template, names, expr.Facts(self._simulation.facts), options)

    def write(self, level: Any, message: str) -> None:
        self._simulation.log.append(f"{level} {message}")

    def measure(self, kind: Any, name: str, value: float, tags: dict[str, str]) -> None:
        """Measurements of a simulation are nobody's concern."""

"""Executions in memory, with a scripted worker and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from batuta import expr, flows, ids
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.engine.outline import Kind
from batuta.engine.world import World
from batuta.model.flow import FlowKey
from batuta.model.labels import Label
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.testing.inline import InlineContext, run_inline
from batuta.testing.outcome import Given, Outcome, outcome_of
from batuta.testing.stage import Stage
from batuta.testing.view import Run


class Simulation(Stage):
    """Executions of flows whose tasks end as the test says; thousands of them run in a second."""

    def __init__(
        self,
        *sources: str,
        given: Mapping[str, Given] | None = None,
        facts: Mapping[expr.Fact, Any] | None = None,
        world: World | None = None,
    ) -> None:
        super().__init__((flows.parse(source) for source in sources), world or World())
        self.given = dict(given or {})
        self.facts = dict(facts or {})
        self.held: dict[str, do.RunTask] = {}
        """Attempts that a worker holds until `release`, by task run id."""
        self._attempts: dict[str, int] = {}

    def _known(self) -> expr.Facts:
        return expr.Facts(self.facts)

    def _stop(self, run_id: str) -> None:
        held = self.held.pop(run_id, None)
        if held is not None:
            self._end(held, Outcome(State.KILLED))

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
        self._end(command, outcome_of(outcome, command.run, 1))
        self.work()

    def move(self, by: timedelta) -> None:
        """Move the clock, timer by timer."""
        until = self.now + by
        while self.timers and min(self.timers)[0] <= until:
            self._events.append(self._elapse())
            self.work()
        self.now = until

    def work(self) -> None:
        """Make steps until no event is left, and no timer is due."""
        while self._events or self._is_due():
            event = self._events.popleft() if self._events else self._elapse()
            ledger = self.ledgers.get(event.execution_id)
            if ledger is not None:
                self._step(ledger, event)

    def _is_due(self) -> bool:
        return bool(self.timers) and min(self.timers)[0] <= self.now

    def _elapse(self) -> on.AnyEvent:
        timer = min(self.timers)
        self.timers.remove(timer)
        self.now = max(self.now, timer[0])
        return timer[2]

    def _run(self, ledger: Ledger, command: do.RunTask) -> None:
        task = command.task
        number = self._attempts[command.run.id] = self._attempts.get(command.run.id, 0) + 1
        if task.id in self.given:
            outcome = outcome_of(self.given[task.id], command.run, number)
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
            problem=outcome.problem,
        )
        if outcome.after:
            self._after(self.now + outcome.after, event)
        else:
            self._events.append(event)

    def _inline(self, ledger: Ledger, command: do.RunTask) -> Outcome:
        names = Names(ledger, self.world, command.run)
        options = self.world.options(self.now)
        return run_inline(InlineContext(names, self._known(), options, self._say), ledger, command)

    def _say(self, level: LogLevel, message: str) -> None:
        self.log.append(f"{level} {message}")

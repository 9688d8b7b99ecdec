"""Executions as a test wants to see them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from batuta.engine import events as on
from batuta.engine.ledger import Ledger
from batuta.model.execution import Execution, TaskRun
from batuta.model.state import State
from batuta.testing.outcome import Given

if TYPE_CHECKING:
    from batuta.testing.simulation import Simulation


class View:
    """An execution with its task runs, seen from outside."""

    @property
    def ledger(self) -> Ledger:
        """The execution with its task runs."""
        raise NotImplementedError

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

    def _name(self, run: TaskRun) -> str:
        values = self.ledger.value_path(run)
        return f"{run.task_id}[{','.join(values)}]" if values else run.task_id


class Run(View):
    """One execution of a simulation, which a test can act upon."""

    def __init__(self, simulation: Simulation, execution_id: str) -> None:
        self.simulation = simulation
        self.id = execution_id

    @property
    def ledger(self) -> Ledger:
        """The execution with its task runs."""
        return self.simulation.ledgers[self.id]

    @property
    def log(self) -> str:
        """All that was logged."""
        return "\n".join(self.simulation.log)

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

"""Attempts of tasks without input or output, made where the engine runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from batuta import expr
from batuta.engine.commands import RunTask
from batuta.engine.context import Names
from batuta.engine.events import TaskRunFinished
from batuta.engine.ledger import Ledger
from batuta.engine.world import Chance, World
from batuta.errors import BatutaError
from batuta.model.execution import TaskRun
from batuta.model.masking import Masker
from batuta.model.records import LogLine, Metric, MetricKind
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.reporting import Kinds, Levels
from batuta.plugin.task import InlineTask, TaskFailed, TaskWarned


class InlineAttempt(Levels, Kinds):
    """An `InlineContext` that collects what the task says."""

    def __init__(
        self,
        ledger: Ledger,
        command: RunTask,
        *,
        world: World,
        facts: expr.Facts | None,
        now: datetime,
        masker: Masker | None = None,
    ) -> None:
        self._ledger = ledger
        self._run: TaskRun = command.run
        self._task = command.task
        self._facts = facts
        self._chance = Chance(f"{command.run.id}/{command.run.token}", world.options(now))
        self._now = now
        self.names: Names = Names(ledger, world, command.run)
        self._masker = masker
        self.lines: list[LogLine] = []
        self.measurements: list[Metric] = []

    @property
    def log(self) -> InlineAttempt:
        """The attempt's log: this object itself."""
        return self

    @property
    def metrics(self) -> InlineAttempt:
        """The attempt's measurements: this object itself."""
        return self

    def render(self, template: str, **extra: Any) -> str | None:
        """Render a template in the context of the run."""
        if not expr.is_template(template):
            return str(template)
        names = self.names.extended(**extra) if extra else self.names
        return expr.render(template, names, self._facts, self._chance.options())

    def write(self, level: LogLevel, message: str) -> None:
        """Add a line."""
        least = self._task.log_level
        if least is not None and level.severity < least.severity:
            return
        execution = self._ledger.execution
        self.lines.append(
            LogLine(
                execution_id=execution.id,
                namespace=execution.namespace,
                flow_id=execution.flow_id,
                at=self._now,
                level=level,
                message=self._shown(message),
                task_id=self._task.id,
                task_run_id=self._run.id,
                attempt=len(self._run.attempts),
            )
        )

    def failed(self, problem: str) -> str:
        """Say why the attempt failed; the same without secrets."""
        self.error(problem)
        return self._shown(problem)

    def measure(self, kind: MetricKind, name: str, value: float, tags: dict[str, str]) -> None:
        """Report a value."""
        execution = self._ledger.execution
        self.measurements.append(
            Metric(
                execution_id=execution.id,
                namespace=execution.namespace,
                flow_id=execution.flow_id,
                task_id=self._task.id,
                task_run_id=self._run.id,
                name=self._shown(name),
                kind=kind,
                value=value,
                at=self._now,
                tags={self._shown(key): self._shown(text) for key, text in tags.items()},
            )
        )

    def _shown(self, text: str) -> str:
        return text if self._masker is None else self._masker.mask(text)


def run_inline(attempt: InlineAttempt, ledger: Ledger, command: RunTask) -> TaskRunFinished:
    """Make the attempt; its result is the event to make the next step of.

    Raises:
        expr.MissingFact: a property asks for an outside value.
    """
    outputs: dict[str, Any] | None = None
    state, problem = State.SUCCESS, None
    try:
        task: InlineTask = ledger.outline.form(command.task).build(attempt.render)
        outputs = plain_outputs(task.compute(attempt))
    except TaskWarned as warned:
        attempt.warn(warned.message)
        outputs, state = plain_outputs(warned.outputs), State.WARNING
    except TaskFailed as failed:
        problem = attempt.failed(failed.message)
        outputs, state = plain_outputs(failed.outputs), State.FAILED
    except (BatutaError, expr.ExpressionError) as error:
        problem = attempt.failed(str(error))
        state = State.FAILED
    except expr.MissingFact:
        raise
    except Exception as error:
        # The border to code of plugins: whatever it raises is a failure of the task.
        problem = attempt.failed(f"{type(error).__name__}: {error}")
        state = State.FAILED
    return TaskRunFinished(
        execution_id=ledger.execution.id,
        task_run_id=command.run.id,
        token=command.run.token,
        state=state,
        outputs=outputs,
        problem=problem,
    )

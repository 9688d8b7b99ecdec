"""Attempts of tasks without input or output, made where a test runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batuta import expr
from batuta.engine import commands as do
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.errors import BatutaError
from batuta.model.records import MetricKind
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.reporting import Kinds, Levels
from batuta.plugin.task import InlineTask, TaskFailed, TaskWarned
from batuta.testing.outcome import Outcome

Say = Callable[[LogLevel, str], None]


class InlineContext(Levels, Kinds):
    """An `InlineContext` that tells its lines to whoever made it."""

    def __init__(self, names: Names, facts: expr.Facts, options: expr.Options, say: Say) -> None:
        self.names = names
        self._facts = facts
        self._options = options
        self._say = say

    @property
    def log(self) -> InlineContext:
        """The attempt's log: this object itself."""
        return self

    @property
    def metrics(self) -> InlineContext:
        """The attempt's measurements: this object itself."""
        return self

    def render(self, template: str, **extra: Any) -> str | None:
        """Render a template in the context of the run."""
        names = self.names.extended(**extra) if extra else self.names
        return expr.render(template, names, self._facts, self._options)

    def write(self, level: LogLevel, message: str) -> None:
        """Add a line."""
        self._say(level, message)

    def measure(self, kind: MetricKind, name: str, value: float, tags: dict[str, str]) -> None:
        """The measurements of a test are nobody's concern."""


def run_inline(context: InlineContext, ledger: Ledger, command: do.RunTask) -> Outcome:
    """Make the attempt.

    Raises:
        expr.MissingFact: a property asks for an outside value.
    """
    try:
        task: InlineTask = ledger.outline.form(command.task).build(context.render)
        return Outcome(State.SUCCESS, plain_outputs(task.compute(context)))
    except TaskWarned as warned:
        context.warn(warned.message)
        return Outcome(State.WARNING, plain_outputs(warned.outputs))
    except TaskFailed as failed:
        context.error(failed.message)
        return Outcome(State.FAILED, plain_outputs(failed.outputs), problem=failed.message)
    except (BatutaError, expr.ExpressionError) as error:
        context.error(str(error))
        return Outcome(State.FAILED, problem=str(error))

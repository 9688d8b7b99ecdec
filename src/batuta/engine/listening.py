"""The old `listeners`: tasks that follow on the end of an execution if conditions hold (flow spec §1.1).

They stand at the end of `afterExecution`. Their conditions look at the execution that has just ended, as
those of a Flow trigger look at another one.
"""

from __future__ import annotations

from typing import Any

from batuta.engine.draft import Draft
from batuta.errors import BatutaError
from batuta.model.task import Task
from batuta.plugin import condition
from batuta.plugin.forms import Form


def is_wanted(draft: Draft, task: Task) -> bool:
    """All conditions of the listener hold for the execution.

    Raises:
        BatutaError: a condition does not suit, or its properties are wrong.
        expr.ExpressionError: a template of it fails.
    """
    ending = Ending(draft)
    return all(ending.holds(each) for each in task.conditions)


class Ending:
    """The end of an execution, as conditions see it (see `plugin.condition.Occasion`)."""

    def __init__(self, draft: Draft) -> None:
        execution = draft.execution
        self._draft = draft
        self.owner = (execution.namespace, execution.flow_id)
        self.namespace = execution.namespace
        self.flow_id = execution.flow_id
        self.state = execution.state.current.value
        self.labels = {label.key: label.value for label in execution.labels}
        self.outputs = execution.outputs

    @property
    def upstream(self) -> Ending:
        """The execution that is looked at is the one that has ended."""
        return self

    @property
    def retried_states(self) -> list[str]:
        """States of the attempts of task runs that had more than one."""
        return [
            attempt.state.current
            for run in self._draft.ledger.runs.values()
            if len(run.attempts) > 1
            for attempt in run.attempts
        ]

    def render(self, template: str) -> str | None:
        """Render a template with the names of the execution."""
        return self._draft.render(template)

    def holds(self, document: Any) -> bool:
        """What a condition, as written, says."""
        if not isinstance(document, dict):
            raise BatutaError("a condition is a map with a `type`")
        cls = condition.load(document)
        own = {name: value for name, value in document.items() if name not in ("type", "version")}
        return Form(cls, own).build(self.render).holds(self)

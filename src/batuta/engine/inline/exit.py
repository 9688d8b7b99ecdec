"""The end of an execution, from within (flow spec §7)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from batuta.engine.inline.base import Update, UpdatingTask
from batuta.model.execution import Execution
from batuta.model.state import State
from batuta.plugin.registry import plugin


class ExitState(StrEnum):
    """How an execution can be ended."""

    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    FAILED = "FAILED"
    KILLED = "KILLED"
    CANCELED = "CANCELED"
    CANCELLED = "CANCELLED"


@plugin("io.kestra.plugin.core.execution.Exit")
class Exit(UpdatingTask):
    """End the execution now, in a state of your choice.

    ```yaml
    id: nothing_to_do
    type: io.kestra.plugin.core.execution.Exit
    state: SUCCESS
    ```
    """

    state: Annotated[ExitState, Meta(description="The state in which the execution ends.")] = (
        ExitState.SUCCESS
    )

    def update(self, execution: Execution, variables: dict[str, Any]) -> Update:
        """End in the state."""
        name = "CANCELLED" if self.state is ExitState.CANCELED else self.state.value
        return Update(exit=State(name))

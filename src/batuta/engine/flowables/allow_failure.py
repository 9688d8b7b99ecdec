"""A block whose failure is a warning (flow spec §6.15)."""

from __future__ import annotations

from batuta.engine.flowables.base import Flowable
from batuta.model.state import State
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask


@plugin("io.kestra.plugin.core.flow.AllowFailure")
class AllowFailure(Flowable):
    """Run tasks one after the other; when one fails, the block ends as WARNING and the flow goes on.

    ```yaml
    id: optional
    type: io.kestra.plugin.core.flow.AllowFailure
    tasks:
      - id: maybe
        type: io.kestra.plugin.core.execution.Fail
    ```
    """

    tasks: list[AnyTask]

    def folded(self, state: State) -> State:
        """A failure becomes a warning."""
        return State.WARNING if state is State.FAILED else state

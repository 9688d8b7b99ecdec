"""Executions in some states."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from batuta.model.state import State
from batuta.plugin.condition import Condition, Occasion
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.ExecutionStatus",
    aliases=("io.kestra.plugin.core.condition.ExecutionStatusCondition",),
)
class ExecutionStatus(Condition):
    """The execution came to one of some states, and to none of others.

    ```yaml
    type: io.kestra.plugin.core.condition.ExecutionStatus
    in: [SUCCESS, WARNING]
    ```
    """

    in_: Annotated[list[State] | None, Meta(description="One of these.")] = msgspec.field(
        default=None, name="in"
    )
    not_in: Annotated[list[State] | None, Meta(description="None of these.")] = None

    def holds(self, on: Occasion) -> bool:
        """Look at both lists."""
        state = State(on.upstream.state)
        return (self.in_ is None or state in self.in_) and (self.not_in is None or state not in self.not_in)

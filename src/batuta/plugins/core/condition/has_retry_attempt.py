"""Executions in which something was tried again."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from batuta.model.state import State
from batuta.plugin.condition import Condition, Occasion
from batuta.plugin.registry import plugin


@plugin(
    "io.kestra.plugin.core.condition.HasRetryAttempt",
    aliases=("io.kestra.plugin.core.condition.HasRetryAttemptCondition",),
)
class HasRetryAttempt(Condition):
    """A task run was tried more than once, and one of its attempts ended in one of some states.

    ```yaml
    type: io.kestra.plugin.core.condition.HasRetryAttempt
    in: [FAILED]
    ```
    """

    in_: Annotated[list[State] | None, Meta(description="One of these.")] = msgspec.field(
        default=None, name="in"
    )
    not_in: Annotated[list[State] | None, Meta(description="None of these.")] = None

    def holds(self, on: Occasion) -> bool:
        """Look at all attempts."""
        return any(
            (self.in_ is None or state in self.in_) and (self.not_in is None or state not in self.not_in)
            for state in map(State, on.upstream.retried_states)
        )

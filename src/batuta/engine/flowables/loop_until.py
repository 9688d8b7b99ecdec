"""The same children again until a condition holds (flow spec §6.10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from batuta.engine.flowables.base import Begun, Flowable
from batuta.engine.scope import Scope
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask, Template


class CheckFrequency(Struct, frozen=True, rename="camel"):
    """How often, how many times and for how long."""

    max_iterations: Annotated[int | None, Meta(description="Most passes; no limit when absent.")] = None
    max_duration: Annotated[timedelta | None, Meta(description="Most time in all; no limit when absent.")] = (
        None
    )
    interval: Annotated[
        timedelta | None,
        Meta(description="Time between two passes: `PT1M`, or `PT1S` for a task written as `WaitFor`."),
    ] = None

    def between(self, written_type: str) -> timedelta:
        """The time between two passes; flows that use the old name of the task count on its old default."""
        if self.interval is not None:
            return self.interval
        return timedelta(seconds=1) if written_type.endswith(".WaitFor") else timedelta(minutes=1)


@plugin("io.kestra.plugin.core.flow.LoopUntil", aliases=("io.kestra.plugin.core.flow.WaitFor",))
class LoopUntil(Flowable):
    """Run tasks again and again until a condition holds.

    `outputs.<id>.iterationCount` tells the pass, from 1 on.

    ```yaml
    id: poll
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{ outputs.status.code == 200 }}"
    checkFrequency:
      interval: PT5S
      maxIterations: 20
    tasks:
      - id: status
        type: io.kestra.plugin.core.http.Request
        uri: http://localhost:8080/ping
    ```
    """

    condition: Annotated[Template, Meta(description="The loop ends when it renders to something true.")]
    tasks: list[AnyTask]
    fail_on_max_reached: Annotated[bool, Meta(description="Fail when a maximum is reached.")] = False
    check_frequency: CheckFrequency = CheckFrequency()

    def begin(self, scope: Scope) -> Begun:
        """The first pass."""
        return Begun(memo={"pass": 1}, outputs={"iterationCount": 1})

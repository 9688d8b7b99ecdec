"""A task that does nothing but take time, end as chance says, and leave a trace of having been performed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin import registry, task
from batuta.plugin.context import RunContext
from batuta.plugin.task import RunnableTask, TaskFailed

NAME = "io.batuta.simulation.Work"


class Performances:
    """Every time that a `Work` was begun, anywhere. Set for the length of a simulation."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        """Task run and attempt, by number of the performance."""


class Stage:
    """The performances of the simulation that runs now; simulations run one after the other."""

    now: Performances | None = None


class Work(RunnableTask):
    """Take `seconds`; end with the outcome at the place of the attempt, the last one for all that follow.

    ```yaml
    id: work
    type: io.batuta.simulation.Work
    seconds: 3
    outcomes: [FAILED, SUCCESS]
    ```
    """

    seconds: Annotated[float, Meta(description="How long it takes.")] = 0.0
    outcomes: Annotated[list[str], Meta(description="SUCCESS or FAILED, by attempt; none is SUCCESS.")] = []

    class Output(task.Output, frozen=True):
        """Which performance this was."""

        performance: Annotated[int, Meta(description="Its number in the simulation.")]

    async def run(self, ctx: RunContext) -> Output:
        """Be performed."""
        identity: Any = ctx.identity  # type: ignore[attr-defined]
        assert Stage.now is not None
        number = len(Stage.now.begun)
        Stage.now.begun.append((identity.task_run_id, identity.attempt))
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.outcomes and self.outcomes[min(identity.attempt, len(self.outcomes) - 1)] == "FAILED":
            raise TaskFailed("it was meant to fail", self.Output(performance=number))
        return self.Output(performance=number)


@contextmanager
def registered() -> Iterator[None]:
    """Let flows use the type for the length of a block."""
    Work.type_name = NAME  # type: ignore[attr-defined]
    Work.type_aliases = ()  # type: ignore[attr-defined]
    types, _ = registry._own()
    types[NAME] = f"{__name__}:Work"
    try:
        yield
    finally:
        del types[NAME]

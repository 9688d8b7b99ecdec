"""Children side by side (flow spec §6.2)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated

from msgspec import Meta

from batuta.engine.flowables.base import Child, Flowable
from batuta.engine.outline import TASKS
from batuta.engine.scope import Scope
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask


def room_for(concurrent: int, scope: Scope, branch: str = TASKS) -> int | None:
    """How many more children may start under a limit; None for any number."""
    return max(concurrent - scope.tally(branch).open, 0) if concurrent > 0 else None


@plugin("io.kestra.plugin.core.flow.Parallel")
class Parallel(Flowable):
    """Start all tasks together, or at most `concurrent` at a time.

    A failed child makes the block FAILED at once; siblings that already run go on to their end.

    ```yaml
    id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - id: left
        type: io.kestra.plugin.core.log.Log
        message: left
      - id: right
        type: io.kestra.plugin.core.log.Log
        message: right
    ```
    """

    tasks: list[AnyTask]
    concurrent: Annotated[
        int, Meta(ge=0, description="Most children under way at once; 0 means no limit.")
    ] = 0
    on_child_failure: Annotated[
        str, Meta(description="CONTINUE lets running siblings end; CANCEL and FAIL stop and mark them.")
    ] = "CONTINUE"

    def next_children(self, scope: Scope) -> Iterable[Child]:
        """Every task without a run, as far as the limit allows."""
        waiting = (Child(task) for task in scope.branch(TASKS) if scope.child(task.id) is None)
        return list(islice(waiting, room_for(self.concurrent, scope)))

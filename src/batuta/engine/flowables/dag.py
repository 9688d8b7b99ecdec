"""Children in the order of their dependencies (flow spec §6.3)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated

from msgspec import Meta, Struct

from batuta.engine.flowables.base import Child, Flowable
from batuta.engine.flowables.parallel import room_for
from batuta.engine.outline import TASKS
from batuta.engine.scope import Scope
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask


class DagTask(Struct, rename="camel"):
    """A task and the siblings that must have ended before it starts."""

    task: AnyTask
    depends_on: list[str] = []


@plugin("io.kestra.plugin.core.flow.Dag")
class Dag(Flowable):
    """Start each task as soon as all that it depends on have ended.

    ```yaml
    id: build
    type: io.kestra.plugin.core.flow.Dag
    tasks:
      - task:
          id: fetch
          type: io.kestra.plugin.core.log.Log
          message: fetch
      - task:
          id: ship
          type: io.kestra.plugin.core.log.Log
          message: ship
        dependsOn: [fetch]
    ```
    """

    tasks: list[DagTask]
    concurrent: Annotated[
        int, Meta(ge=0, description="Most children under way at once; 0 means no limit.")
    ] = 0
    on_child_failure: Annotated[
        str, Meta(description="CONTINUE lets running siblings end; CANCEL and FAIL stop and mark them.")
    ] = "CONTINUE"

    def next_children(self, scope: Scope) -> Iterable[Child]:
        """Every task without a run whose dependencies have ended, as far as the limit allows."""
        ready = (
            Child(task)
            for task in scope.branch(TASKS)
            if scope.child(task.id) is None and all(_has_ended(scope, name) for name in task.depends_on)
        )
        return list(islice(ready, room_for(self.concurrent, scope)))


def _has_ended(scope: Scope, task_id: str) -> bool:
    run = scope.child(task_id)
    return run is not None and run.is_ended

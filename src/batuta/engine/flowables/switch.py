"""One of many lists, by a value (flow spec §6.5)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.engine.flowables.base import Begun, Flowable
from batuta.engine.scope import Scope
from batuta.errors import TaskError
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask, Template


@plugin("io.kestra.plugin.core.flow.Switch")
class Switch(Flowable):
    """Run the case whose key equals the value, or `defaults`.

    ```yaml
    id: by_color
    type: io.kestra.plugin.core.flow.Switch
    value: "{{ inputs.color }}"
    cases:
      green:
        - id: go
          type: io.kestra.plugin.core.log.Log
          message: go
    defaults:
      - id: wait
        type: io.kestra.plugin.core.log.Log
        message: wait
    ```
    """

    value: Annotated[Template, Meta(description="Compared as text with the keys of `cases`.")]
    cases: dict[str, list[AnyTask]] = {}
    defaults: list[AnyTask] = []

    def begin(self, scope: Scope) -> Begun:
        """Render the value and choose."""
        value = scope.render(self.value) or ""
        chosen = f"cases.{value}" if f"cases.{value}" in scope.task.branches else "defaults"
        if chosen == "defaults" and not scope.task.branches.get("defaults"):
            raise TaskError(
                f"No task found on task '{scope.task.id}': no case is `{value}` and there are no `defaults`",
                mend=f"add a case `{value}` or `defaults`",
            )
        return Begun(memo={"branch": chosen}, outputs={"value": value, "defaults": chosen == "defaults"})

    def main(self, scope: Scope) -> str:
        """The list that was chosen."""
        return str(scope.memo["branch"])

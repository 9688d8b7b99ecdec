"""One of two lists, by a condition (flow spec §6.4)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from batuta.engine.flowables.base import Begun, Flowable
from batuta.engine.scope import Scope
from batuta.expr import is_truthy_text
from batuta.model.state import State
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask, Template


@plugin("io.kestra.plugin.core.flow.If")
class If(Flowable):
    """Run `then` when the condition holds, else `else`.

    The condition is evaluated once; its result is kept as the output `evaluationResult`.

    ```yaml
    id: weekend
    type: io.kestra.plugin.core.flow.If
    condition: "{{ ['saturday', 'sunday'] contains inputs.day }}"
    then:
      - id: rest
        type: io.kestra.plugin.core.log.Log
        message: resting
    ```
    """

    condition: Annotated[Template, Meta(description="False for `false`, `0`, `-0` and nothing; else true.")]
    then: list[AnyTask]
    else_: list[AnyTask] = field(default=[], name="else")

    def begin(self, scope: Scope) -> Begun:
        """Evaluate the condition."""
        holds = is_truthy_text(scope.render(self.condition))
        chosen = "then" if holds else "else"
        return Begun(
            memo={"branch": chosen},
            outputs={"evaluationResult": holds},
            end=None if scope.branch(chosen) else State.SUCCESS,
        )

    def main(self, scope: Scope) -> str:
        """The list that was chosen."""
        return str(scope.memo["branch"])

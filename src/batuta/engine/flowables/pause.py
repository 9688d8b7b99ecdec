"""A stop in the flow until somebody, or the clock, lets it go on (flow spec §6.11)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from batuta.engine.flowables.base import Begun, Flowable
from batuta.engine.scope import Scope
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask


class PauseBehavior(StrEnum):
    """What happens when the pause's time is over."""

    RESUME = "RESUME"
    WARN = "WARN"
    FAIL = "FAIL"
    CANCEL = "CANCEL"


@plugin("io.kestra.plugin.core.flow.Pause")
class Pause(Flowable):
    """Pause the execution until it is resumed, or for a time.

    ```yaml
    id: approval
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - id: reason
        type: STRING
    ```
    """

    pause_duration: Annotated[timedelta | None, Meta(description="Resume by itself after this time.")] = None
    delay: Annotated[timedelta | None, Meta(description="Older name of `pauseDuration`.")] = None
    behavior: Annotated[PauseBehavior, Meta(description="What happens when `pauseDuration` is over.")] = (
        PauseBehavior.RESUME
    )
    on_pause: Annotated[AnyTask | None, Meta(description="A task that runs when the pause begins.")] = None
    on_resume: Annotated[list[Any], Meta(description="Inputs asked for when the execution is resumed.")] = []
    tasks: Annotated[list[AnyTask], Meta(description="Tasks that run after the pause. Deprecated.")] = []

    def begin(self, scope: Scope) -> Begun:
        """Pause at once, and know until when."""
        duration = self.pause_duration or self.delay
        memo: dict[str, Any] = {"behavior": self.behavior.value}
        if duration is not None:
            memo["until"] = (scope.now + duration).isoformat()
        return Begun(memo=memo, pause=True)

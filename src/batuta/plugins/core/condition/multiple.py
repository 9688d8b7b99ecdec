"""Several conditions that different executions may meet."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from batuta.errors import BatutaError
from batuta.plugin.condition import AnyCondition, Condition, Occasion
from batuta.plugin.registry import plugin
from batuta.plugins.core.trigger.windows import TimeWindow


@plugin("io.kestra.plugin.core.condition.MultipleCondition")
class MultipleCondition(Condition):
    """Each condition has been met by some execution within a window of time. Older form of `preconditions`.

    ```yaml
    type: io.kestra.plugin.core.condition.MultipleCondition
    id: both
    conditions:
      first:
        type: io.kestra.plugin.core.condition.ExecutionFlow
        namespace: company.team
        flowId: a
      second:
        type: io.kestra.plugin.core.condition.ExecutionFlow
        namespace: company.team
        flowId: b
    ```
    """

    id: Annotated[str, Meta(description="Name of the window; unique in the flow.")]
    conditions: Annotated[dict[str, AnyCondition], Meta(description="What has to be met, by name.")]
    time_window: Annotated[TimeWindow | None, Meta(description="How long what was met counts.")] = None
    window: Annotated[timedelta | None, Meta(description="Older form of `timeWindow.window`.")] = None
    window_advance: Annotated[
        timedelta | None, Meta(description="Older form of `timeWindow.windowAdvance`.")
    ] = None
    reset_on_success: Annotated[bool, Meta(description="Begin anew once all was met.")] = True

    @property
    def span(self) -> TimeWindow:
        """The window, whichever form it was written in."""
        if self.time_window is not None:
            return self.time_window
        return TimeWindow(window=self.window, window_advance=self.window_advance)

    def holds(self, on: Occasion) -> bool:
        """It is no question about one execution, so only a Flow trigger can ask it."""
        raise BatutaError("a MultipleCondition can be used at the top of a Flow trigger only")

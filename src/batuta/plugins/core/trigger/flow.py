"""Changes of other executions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from batuta.errors import BatutaError
from batuta.model.state import ENDED, State
from batuta.plugin.condition import Occasion
from batuta.plugin.registry import plugin
from batuta.plugin.task import Template
from batuta.plugin.trigger import Inputs, Problem, Trigger
from batuta.plugins.core.condition.execution_labels import label_pairs
from batuta.plugins.core.trigger.dependencies import Dependency, DependencyWindow, OnMiss
from batuta.plugins.core.trigger.windows import TimeWindow

DEFAULT_STATES = ENDED | {State.PAUSED}


class UpstreamFlow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Executions of a flow, or of all flows of a namespace."""

    namespace: Annotated[str, Meta(description="Namespace of the flow.")]
    flow_id: Annotated[str | None, Meta(description="Id of the flow; any of the namespace without it.")] = (
        None
    )
    states: Annotated[list[State] | None, Meta(description="States that count; any without it.")] = None
    labels: Annotated[Any, Meta(description="Labels that the execution must have.")] = None

    def holds(self, on: Occasion) -> bool:
        """The execution is one of these."""
        upstream = on.upstream
        if upstream.namespace != self.namespace or self.flow_id not in (None, upstream.flow_id):
            return False
        if self.states and State(upstream.state) not in self.states:
            return False
        wanted = label_pairs(self.labels) if self.labels else {}
        return all(upstream.labels.get(key) == value for key, value in wanted.items())


class Filter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A comparison."""

    field: Annotated[
        Literal["FLOW_ID", "NAMESPACE", "STATE", "EXPRESSION"], Meta(description="What is compared.")
    ]
    type: Annotated[
        Literal[
            "EQUAL_TO", "NOT_EQUAL_TO", "IN", "NOT_IN", "IS_TRUE", "IS_FALSE", "IS_NULL", "IS_NOT_NULL",
            "STARTS_WITH", "ENDS_WITH", "REGEX", "CONTAINS",
        ],
        Meta(description="How."),
    ]  # fmt: skip
    value: Annotated[Template | None, Meta(description="With what; for EXPRESSION, the expression.")] = None
    values: Annotated[list[str] | None, Meta(description="With which, for IN and NOT_IN.")] = None

    def holds(self, on: Occasion) -> bool:
        """Compare."""
        found: str | None
        match self.field:
            case "FLOW_ID":
                found = on.upstream.flow_id
            case "NAMESPACE":
                found = on.upstream.namespace
            case "STATE":
                found = str(on.upstream.state)
            case _:
                found = on.render(self.value) if self.value is not None else None
        return self._compare(found, "" if self.value is None else str(self.value))

    def _compare(self, found: str | None, value: str) -> bool:
        text = found or ""
        match self.type:
            case "EQUAL_TO":
                return text == value
            case "NOT_EQUAL_TO":
                return text != value
            case "IN":
                return text in (self.values or ())
            case "NOT_IN":
                return text not in (self.values or ())
            case "IS_TRUE":
                return text.strip() == "true"
            case "IS_FALSE":
                return text.strip() == "false"
            case "IS_NULL":
                return not text
            case "IS_NOT_NULL":
                return bool(text)
            case "STARTS_WITH":
                return text.startswith(value)
            case "ENDS_WITH":
                return text.endswith(value)
            case "CONTAINS":
                return value in text
            case "REGEX":
                return _matches(value, text)


def _matches(pattern: str, text: str) -> bool:
    """The whole text fits a pattern. RE2 needs linear time, whatever the pattern."""
    import re2

    try:
        return re2.fullmatch(pattern, text) is not None
    except (re2.error, re.error) as error:
        raise BatutaError(f"`{pattern}` is not a pattern: {error}", where="preconditions") from None


class Where(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A condition of several comparisons."""

    id: Annotated[str, Meta(description="Name of the condition.")]
    operand: Annotated[Literal["AND", "OR"], Meta(description="All of the filters, or any.")] = "AND"
    filters: Annotated[list[Filter], Meta(description="The comparisons.")]

    def holds(self, on: Occasion) -> bool:
        """Ask the filters in order."""
        asked = (each.holds(on) for each in self.filters)
        return any(asked) if self.operand == "OR" else all(asked)


class Preconditions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What different executions have to meet within a window of time."""

    id: Annotated[str, Meta(description="Name of the window; unique in the flow.")]
    time_window: Annotated[TimeWindow | None, Meta(description="How long what was met counts.")] = None
    reset_on_success: Annotated[bool, Meta(description="Begin anew once all was met.")] = True
    flows: Annotated[list[UpstreamFlow] | None, Meta(description="Flows that have to have run.")] = None
    where: Annotated[list[Where] | None, Meta(description="Conditions that have to be met.")] = None
    description: Annotated[str | None, Meta(description="Markdown.")] = None


@plugin("io.kestra.plugin.core.trigger.Flow")
class Flow(Trigger):
    """Start the flow when executions of other flows come to some state.

    ```yaml
    id: after_load
    type: io.kestra.plugin.core.trigger.Flow
    dependsOn:
      - namespace: company.team
        flowId: load
        states: [SUCCESS]
    ```

    With several entries all of them have to be met within a `window`. `preconditions` and `conditions` are
    the older way to say such things.
    """

    inputs: Inputs = None
    states: Annotated[
        list[State] | None, Meta(description="States to look at; all ends and PAUSED unless told otherwise.")
    ] = None
    preconditions: Annotated[
        Preconditions | None, Meta(description="What several executions have to meet together.")
    ] = None
    depends_on: Annotated[
        list[Dependency] | None, Meta(description="Executions of other flows that it depends on.")
    ] = None
    mode: Annotated[
        Literal["ALL", "ANY", "AT_LEAST"], Meta(description="How many entries of `dependsOn` must be met.")
    ] = "ALL"
    min_satisfied: Annotated[int | None, Meta(ge=1, description="How many, with AT_LEAST.")] = None
    window: Annotated[
        DependencyWindow | None, Meta(description="Within which time they must be met; a day without it.")
    ] = None
    on_miss: Annotated[
        OnMiss | None, Meta(description="What happens when a daily window closes and they were not met.")
    ] = None

    def problems(self) -> Iterator[Problem]:
        """Properties of `dependsOn` that do not fit together."""
        asked = self.depends_on or ()
        if self.depends_on is not None and not asked:
            yield Problem("dependsOn", "must not be empty", "name an upstream flow, or leave it out")
        if self.window is not None and (conflict := self.window.conflict()) is not None:
            yield Problem("window", conflict, "use `deadline`, or `from` and `to`, or `every`, or `lookback`")
        if self.mode == "AT_LEAST" and self.min_satisfied is None:
            yield Problem("minSatisfied", "is needed with `mode: AT_LEAST`")
        if self.min_satisfied is not None and self.min_satisfied > len(asked):
            yield Problem(
                "minSatisfied", f"is {self.min_satisfied}, but `dependsOn` has {len(asked)} entries"
            )
        if self.on_miss is not None and (self.window is None or not (self.window.deadline or self.window.to)):
            yield Problem("onMiss", "needs a `window` with a `deadline`, or with `from` and `to`")

    @property
    def needed(self) -> int:
        """How many entries of `dependsOn` must be met."""
        match self.mode:
            case "ANY":
                return 1
            case "AT_LEAST":
                return self.min_satisfied or 1
        return len(self.depends_on or ())

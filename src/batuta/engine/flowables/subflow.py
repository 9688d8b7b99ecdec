"""Another flow as a task (flow spec §6.13)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from batuta.engine.outline import Kind
from batuta.errors import TaskError
from batuta.model import labels
from batuta.model.labels import Label, Labels
from batuta.plugin.converters import as_text
from batuta.plugin.registry import plugin
from batuta.plugin.task import Template


class RestartBehavior(StrEnum):
    """What a restart of the parent does to a failed child."""

    RETRY_FAILED = "RETRY_FAILED"
    NEW_EXECUTION = "NEW_EXECUTION"


@plugin("io.kestra.plugin.core.flow.Subflow")
class Subflow(Struct, kw_only=True, rename="camel"):
    """Run another flow, and by default wait for it.

    ```yaml
    id: child
    type: io.kestra.plugin.core.flow.Subflow
    namespace: company.team
    flowId: child_flow
    inputs:
      day: "{{ inputs.day }}"
    ```
    """

    kind: ClassVar[Kind] = Kind.EXECUTABLE

    namespace: Annotated[str, Meta(description="Namespace of the flow to run.")]
    flow_id: Annotated[str, Meta(description="Id of the flow to run.")]
    revision: Annotated[int | None, Meta(description="Its revision; the latest when absent.")] = None
    inputs: Annotated[dict[str, Any], Meta(description="Values of its inputs.")] = {}
    labels: Annotated[
        dict[str, Any] | list[dict[str, Any]] | None, Meta(description="Labels of the child.")
    ] = None
    inherit_labels: Annotated[bool, Meta(description="Copy the labels of this execution to the child.")] = (
        False
    )
    wait: Annotated[bool, Meta(description="Wait until the child has ended.")] = True
    transmit_failed: Annotated[bool, Meta(description="End like the child when it did not succeed.")] = True
    schedule_date: Annotated[datetime | None, Meta(description="When the child shall start.")] = None
    restart_behavior: Annotated[
        RestartBehavior, Meta(description="On a restart, restart the failed child or start a new one.")
    ] = RestartBehavior.RETRY_FAILED
    outputs: Annotated[
        dict[str, Template] | None,
        Meta(description="Deprecated: declare `outputs` in the child flow instead."),
    ] = None

    @property
    def asked_outputs(self) -> dict[str, str] | None:
        """The templates of the old `outputs`, as plain text that can be kept with the child."""
        return None if self.outputs is None else {name: str(text) for name, text in self.outputs.items()}

    def child_labels(self, parent: Labels) -> Labels:
        """The labels that the child gets from here: inherited ones, then its own, then the correlation id."""
        own = own_labels(self.labels)
        inherited = tuple(label for label in parent if self.inherit_labels and not label.is_system)
        correlation = tuple(label for label in parent if label.key == labels.CORRELATION_ID)
        return labels.merged(inherited, own, correlation)


MOST_DEEP = 64
"""Most executions around one, each started by the one before."""


def depth_below(parent: int, name: str) -> int:
    """How deep a child stands; `name` is that of its flow.

    Raises:
        TaskError: too deep.
    """
    if parent >= MOST_DEEP:
        raise TaskError(
            f"Cannot execute the flow `{name}`: subflows may be nested at most {MOST_DEEP} levels deep",
            mend="look for flows that start each other in a circle",
        )
    return parent + 1


def own_labels(written: dict[str, Any] | list[dict[str, Any]] | None) -> Labels:
    """Labels from a rendered map, or from a list of `{key, value}`.

    Raises:
        TaskError: one is reserved for the system, or has no value.
    """
    pairs = (
        written.items()
        if isinstance(written, dict)
        else [(each.get("key"), each.get("value")) for each in written or ()]
    )
    found = []
    for key, value in pairs:
        if key is None or not as_text(key):
            raise TaskError("Label keys cannot be empty")
        if value is None or not as_text(value):
            raise TaskError("Label values cannot be empty", where=f"label `{as_text(key)}`")
        label = Label(as_text(key), as_text(value))
        if label.is_system:
            raise TaskError(
                f"System labels can only be set by Kestra itself, offending label: {label.key}={label.value}",
                mend=f"choose a key that does not begin with `{labels.SYSTEM_PREFIX}`",
            )
        found.append(label)
    return tuple(found)

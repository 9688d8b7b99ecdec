"""A subflow for each batch of lines of a file: split, run, merge (flow spec §6.8)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from batuta.engine.flowables.base import Flowable
from batuta.engine.flowables.subflow import RestartBehavior
from batuta.engine.outline import Kind
from batuta.model.task import Task
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask, Template

TYPE = "io.kestra.plugin.core.flow.ForEachItem"
SPLIT = TYPE + "$ForEachItemSplit"
ITEMS = TYPE + "$ForEachItemExecutable"
MERGE = TYPE + "$ForEachItemMergeOutputs"


@plugin(TYPE)
class ForEachItem(Flowable, kw_only=True):
    """Run a flow for each batch of items of a stored file.

    It becomes three task runs: `<id>_split`, `<id>_items` and `<id>_merge`.

    ```yaml
    id: orders
    type: io.kestra.plugin.core.flow.ForEachItem
    items: "{{ inputs.file }}"
    batch:
      rows: 100
    namespace: company.team
    flowId: one_batch
    inputs:
      file: "{{ taskrun.items }}"
    ```
    """

    items: Annotated[Template, Meta(description="URI of a file with one item per line.")]
    batch: Annotated[
        dict[str, Any], Meta(description="`rows`, `bytes` or `partitions`, and `separator`.")
    ] = {}
    namespace: Annotated[Template, Meta(description="Namespace of the flow to run.")]
    flow_id: Annotated[Template, Meta(description="Id of the flow to run.")]
    revision: Annotated[Template | None, Meta(description="Its revision; the latest when absent.")] = None
    inputs: Annotated[
        dict[str, Template],
        Meta(description="Inputs of each execution; `taskrun.items` is the file of its batch."),
    ] = {}
    labels: Annotated[Any, Meta(description="Labels of each execution.")] = None
    inherit_labels: Annotated[bool, Meta(description="Copy the labels of this execution.")] = False
    wait: Annotated[bool, Meta(description="Wait until all executions have ended.")] = True
    transmit_failed: Annotated[bool, Meta(description="Fail when an execution did.")] = True
    schedule_date: Annotated[Template | None, Meta(description="When the executions shall start.")] = None
    restart_behavior: Annotated[RestartBehavior, Meta(description="As for `Subflow`.")] = (
        RestartBehavior.RETRY_FAILED
    )


def expanded(task: Task) -> dict[str, tuple[Task, ...]]:
    """The children that a ForEachItem stands for, beside its own handlers."""
    reading: dict[str, Any] = {
        name: task.properties[name] for name in ("items", "batch") if name in task.properties
    }
    starting = {name: value for name, value in task.properties.items() if name not in ("items", "batch")}

    def child(suffix: str, type_name: str, properties: dict[str, Any]) -> Task:
        return Task(id=f"{task.id}_{suffix}", type=type_name, written_type=type_name, properties=properties)

    children = (
        child("split", SPLIT, reading),
        child("items", ITEMS, {**starting, "splitTask": f"{task.id}_split"}),
        child("merge", MERGE, {"itemsTask": f"{task.id}_items"}),
    )
    return {**task.branches, "tasks": children}


@plugin(ITEMS)
class ForEachItemExecutions(Struct, kw_only=True, rename="camel"):
    """The middle part of a ForEachItem: one execution per batch."""

    kind: ClassVar[Kind] = Kind.SPAWNING

    split_task: str
    namespace: str
    flow_id: str
    revision: int | None = None
    inputs: dict[str, Template] = {}
    labels: dict[str, Any] | list[dict[str, Any]] | None = None
    inherit_labels: bool = False
    wait: bool = True
    transmit_failed: bool = True
    schedule_date: datetime | None = None
    restart_behavior: RestartBehavior = RestartBehavior.RETRY_FAILED
    errors: list[AnyTask] = []
    finally_: list[AnyTask] = field(default=[], name="finally")


@plugin(MERGE)
class ForEachItemMerge(Struct, kw_only=True, rename="camel"):
    """The last part of a ForEachItem: the outputs of all executions in one file."""

    kind: ClassVar[Kind] = Kind.SPAWNING

    items_task: str

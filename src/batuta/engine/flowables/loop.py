"""Iterations as executions of their own (flow spec §6.9)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct, field

from batuta.engine.flowables.values import listed, texts
from batuta.engine.outline import Kind
from batuta.errors import FlowError, TaskError
from batuta.expr import ExpressionError
from batuta.expr.documents.ion import read_ion
from batuta.model.execution import LoopItem
from batuta.model.inputs import FlowOutput
from batuta.model.task import Task
from batuta.plugin.converters import as_text
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask, Template

_STORAGE = "kestra:///"
_NULLS = "Found a null value inside the iteration values={values}"


class FetchType(StrEnum):
    """Where the outputs of iterations are kept."""

    AUTO = "AUTO"
    FETCH = "FETCH"
    STORE = "STORE"


@plugin("io.kestra.plugin.core.flow.Loop")
class Loop(Struct, kw_only=True, rename="camel"):
    """Run a group of tasks for each value, each iteration as an execution of its own.

    Inside, `{{ item.value }}`, `{{ item.index }}` and, for a map, `{{ item.key }}` tell the element.

    ```yaml
    id: regions
    type: io.kestra.plugin.core.flow.Loop
    values: ["eu", "us"]
    tasks:
      - id: load
        type: io.kestra.plugin.core.log.Log
        message: "loading {{ item.value }}"
    ```
    """

    kind: ClassVar[Kind] = Kind.SPAWNING

    values: Annotated[Any, Meta(description="A list, a map, or an expression that prints one.")]
    tasks: list[AnyTask]
    errors: list[AnyTask] = []
    finally_: list[AnyTask] = field(default=[], name="finally")
    concurrency_limit: Annotated[
        int, Meta(ge=0, description="Most iterations under way at once; 0 means no limit.")
    ] = 0
    transmit_failed: Annotated[bool, Meta(description="A failed iteration fails the loop at once.")] = True
    outputs: Annotated[
        list[Template], Meta(description="What each iteration gives, declared like outputs of a flow.")
    ] = []
    fetch_type: Annotated[FetchType, Meta(description="Where outputs of iterations are kept.")] = (
        FetchType.AUTO
    )
    break_when: Annotated[
        Template | None, Meta(description="After an iteration: true lets no new one start.")
    ] = None

    @property
    def is_file(self) -> bool:
        """The values are the rows of a file in internal storage."""
        return isinstance(self.values, str) and self.values.startswith(_STORAGE)

    @property
    def stores(self) -> bool:
        """What iterations give is stored as files, not kept in the task run."""
        return self.fetch_type is FetchType.STORE or (self.fetch_type is FetchType.AUTO and self.is_file)

    def items_of(self, text: str) -> list[LoopItem]:
        """The elements in the text of a file of rows, one each line.

        Raises:
            TaskError: the text holds no rows, or one is null.
        """
        try:
            rows = read_ion(text)
        except ExpressionError as error:
            raise TaskError(f"`values` names a file that holds no rows: {error}") from None
        return [LoopItem(each, index) for index, each in enumerate(texts(rows, complaint=_NULLS))]

    def items(self) -> list[LoopItem]:
        """The elements, in order.

        Raises:
            TaskError: the values are neither a list nor a map, or one is null.
        """
        values = self.values
        if isinstance(values, str):
            try:
                values = msgspec.json.decode(values)
            except msgspec.DecodeError:
                values = listed(values)
        if isinstance(values, dict):
            if any(value is None for value in values.values()):
                texts(list(values.values()), complaint=_NULLS)
            return [
                LoopItem(as_text(value), index, str(key)) for index, (key, value) in enumerate(values.items())
            ]
        if not isinstance(values, list):
            raise TaskError(f"`values` must be a list or a map, but is `{as_text(values)[:80]}`")
        return [LoopItem(text, index) for index, text in enumerate(texts(values, complaint=_NULLS))]


def declared_outputs(loop: Task) -> tuple[FlowOutput, ...]:
    """What each iteration of a Loop task gives, as its document declares it.

    Raises:
        FlowError: the declaration is wrong.
    """
    try:
        return msgspec.convert(loop.properties.get("outputs") or [], tuple[FlowOutput, ...])
    except msgspec.ValidationError as error:
        raise FlowError(f"`outputs` of the task `{loop.id}` are wrong: {error}") from None

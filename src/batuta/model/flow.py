"""A flow: what its author wrote, typed (flow spec §1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from batuta.model.inputs import FlowOutput, Input
from batuta.model.labels import Labels
from batuta.model.task import RetryPolicy, Task

TENANT = "main"
"""The one tenant of a server."""


class FlowKey(msgspec.Struct, frozen=True):
    """The name of a flow, whatever its revision."""

    namespace: str
    id: str

    def __str__(self) -> str:
        return f"{self.namespace}.{self.id}"


class ConcurrencyBehavior(StrEnum):
    """What happens to an execution that finds no free slot."""

    QUEUE = "QUEUE"
    CANCEL = "CANCEL"
    FAIL = "FAIL"


class Concurrency(msgspec.Struct, frozen=True):
    """How many executions of a flow may be under way at once (flow spec §13)."""

    limit: int
    behavior: ConcurrencyBehavior = ConcurrencyBehavior.QUEUE


class TriggerDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger as declared in a flow, in document form like a task."""

    id: str
    type: str
    written_type: str
    disabled: bool = False
    properties: dict[str, Any] = {}


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a flow, parsed, with plugin defaults merged in."""

    id: str
    namespace: str
    revision: int = 1
    description: str | None = None
    labels: Labels = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[FlowOutput, ...] = ()
    variables: dict[str, Any] = {}
    tasks: tuple[Task, ...] = ()
    errors: tuple[Task, ...] = ()
    finally_: tuple[Task, ...] = ()
    after_execution: tuple[Task, ...] = ()
    triggers: tuple[TriggerDefinition, ...] = ()
    concurrency: Concurrency | None = None
    retry: RetryPolicy | None = None
    disabled: bool = False
    document: dict[str, Any] = {}
    """The whole document as plain data, as written: what the API shows of parts that have no struct of their
    own."""

    @property
    def key(self) -> FlowKey:
        """Namespace and id."""
        return FlowKey(self.namespace, self.id)

    def walk(self) -> Iterator[Task]:
        """Every task of every branch, parents first."""
        for branch in (self.tasks, self.errors, self.finally_, self.after_execution):
            for task in branch:
                yield from task.walk()


class FlowRevision(msgspec.Struct, frozen=True, kw_only=True):
    """One stored version of a flow: its source text, word for word."""

    namespace: str
    id: str
    revision: int
    source: str
    created_at: datetime
    deleted: bool = False
    disabled: bool = False
    draft: bool = False
    """Saved unfinished: it may be wrong, and only people start it."""
    description: str | None = None
    labels: Labels = ()

    @property
    def key(self) -> FlowKey:
        """Namespace and id."""
        return FlowKey(self.namespace, self.id)

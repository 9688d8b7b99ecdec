"""Task types: one small typed class each; its fields are its properties (flow spec §4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from batuta.plugin.context import InlineContext, RunContext


class Output(msgspec.Struct, frozen=True, rename="camel", omit_defaults=False):
    """What a task leaves under `outputs.<task id>`; None members stay away unless `keep_none` has them."""

    keep_none: ClassVar[frozenset[str]] = frozenset()


class TaskFailed(Exception):
    """A task failed and has outputs all the same (plugins spec B4).

    Raised in place of `errors.TaskError` where an `errors` branch shall read what the task produced.
    """

    def __init__(self, message: str, outputs: Output | dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.outputs = outputs


class TaskWarned(Exception):
    """A task did its work, and something about it deserves a look: it ends in WARNING, with its outputs."""

    def __init__(self, message: str, outputs: Output | dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.outputs = outputs


class RunnableTask(msgspec.Struct, kw_only=True, rename="camel"):
    """A task that does work on a worker.

    Fields are the properties of the document, in snake case; they are rendered before `run` is called. A
    field of type `Template` is handed over as written, for tasks that render it themselves with names of
    their own. The class docstring is the task's reference page; its first fenced block is its example.
    """

    extra: ClassVar[str | None] = None
    """The optional dependency group whose libraries `run` needs."""

    @classmethod
    def own_names(cls, properties: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
        """Names that only this task's properties see, beside `workingDir` (plugins spec B2.3).

        `properties` are those of the document, not rendered; `folder` is the working directory.
        """
        return {}

    async def run(self, ctx: RunContext) -> Output | dict[str, Any] | None:
        """Do the work. Blocking calls belong in `asyncio.to_thread`.

        Raises:
            errors.TaskError: the task failed; the text goes to its log.
            TaskFailed: the same, with outputs.
        """
        raise NotImplementedError


class InlineTask(msgspec.Struct, kw_only=True, rename="camel"):
    """A task without input or output, quick enough to run where the engine runs.

    It costs no hop to a worker, and its result shares the transaction that created its task run.
    """

    extra: ClassVar[str | None] = None

    def compute(self, ctx: InlineContext) -> Output | dict[str, Any] | None:
        """Give the outputs. Must not block.

        Raises:
            errors.TaskError: the task failed.
        """
        raise NotImplementedError


class Template(str):
    """A property that its task renders itself."""

    __slots__ = ()


class AnyTask:
    """Marks a property that holds a task, or in a list or map several: they become branches of the document
    form."""


class AnyRunner:
    """Marks a property that holds a task runner, chosen by its `type`."""

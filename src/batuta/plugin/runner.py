"""Task runners: where the program of a script task runs (plugins spec B6)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from batuta.plugin.context import OnLine, RunContext


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A program to run, and what it needs."""

    argv: list[str]
    env: Mapping[str, str]
    folder: Path
    """The working directory on the worker."""
    on_stdout: OnLine
    on_stderr: OnLine
    container_image: str | None = None
    output_files: tuple[str, ...] = ()
    """Globs of files that the task wants back, for runners whose files are not the worker's."""
    output_dir: Path | None = None
    """A folder of which the task wants everything back."""


class RunnerResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended."""

    exit_code: int
    details: dict[str, Any] = {}
    """What is worth knowing of the place where it ran, such as a container's id."""


class TaskRunner(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of task runners. Fields are the runner's properties, rendered like a task's."""

    local: ClassVar[bool] = False
    """Programs run on the worker's machine and find its files and tools."""

    async def run(self, ctx: RunContext, command: Command) -> RunnerResult:
        """Run the program to its end; nothing of it is left when this returns or is cancelled.

        Raises:
            errors.TaskError: the program could not be run at all.
        """
        raise NotImplementedError

"""The runner that needs nothing: a process on the worker's machine."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.runner import Command, RunnerResult, TaskRunner


@plugin("io.kestra.plugin.core.runner.Process")
class Process(TaskRunner):
    """Run scripts as processes of the worker, with the tools that its machine has.

    ```yaml
    type: io.kestra.plugin.core.runner.Process
    ```
    """

    local: ClassVar[bool] = True

    async def run(self, ctx: RunContext, command: Command) -> RunnerResult:
        """Run the program in a process group of its own."""
        code = await ctx.processes.run(
            command.argv,
            folder=command.folder,
            env=command.env,
            on_stdout=command.on_stdout,
            on_stderr=command.on_stderr,
        )
        return RunnerResult(exit_code=code)

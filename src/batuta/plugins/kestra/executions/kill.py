"""An execution is stopped."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import InstanceTask, Refused, opened

_CONFLICT = 409


@plugin("io.kestra.plugin.kestra.executions.Kill")
class Kill(InstanceTask):
    """Kill an execution, and those that it started. One that has ended stays as it is.

    ```yaml
    id: stop
    type: io.kestra.plugin.kestra.executions.Kill
    executionId: "{{ inputs.wrong }}"
    ```
    """

    execution_id: Annotated[str | None, Meta(description="Which one; the running one without it.")] = None
    propagate_kill: Annotated[bool, Meta(description="Kill the executions that it started, too.")] = True

    async def run(self, ctx: RunContext) -> None:
        """Ask for it."""
        execution_id = self.execution_id or ctx.identity.execution_id
        params = {"isOnKillCascade": str(self.propagate_kill).lower()}
        async with opened(ctx, self) as instance:
            try:
                await instance.call("DELETE", "executions", execution_id, "kill", params=params)
            except Refused as error:
                if error.status != _CONFLICT:
                    raise
                ctx.log.info(f"Execution {execution_id} has ended already")

"""An execution goes away."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.errors import TaskError
from batuta.model.state import ENDED
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import InstanceTask, opened


@plugin("io.kestra.plugin.kestra.executions.Delete")
class Delete(InstanceTask):
    """Delete an execution that has ended, with its logs, metrics and files.

    ```yaml
    id: forget
    type: io.kestra.plugin.kestra.executions.Delete
    executionId: "{{ inputs.old }}"
    ```
    """

    execution_id: Annotated[str, Meta(min_length=1, description="Which one; not the running one.")]
    delete_logs: Annotated[bool, Meta(description="Delete its logs.")] = True
    delete_metrics: Annotated[bool, Meta(description="Delete its metrics.")] = True
    delete_storage: Annotated[bool, Meta(description="Delete its files in internal storage.")] = True

    async def run(self, ctx: RunContext) -> None:
        """Look whether it has ended, and ask for it."""
        if self.manages_own and self.execution_id == ctx.identity.execution_id:
            raise TaskError("An execution cannot delete itself", mend="name another one as `executionId`")
        async with opened(ctx, self) as instance:
            found = await instance.call("GET", "executions", self.execution_id)
            state = found["state"]["current"]
            if state not in ENDED:
                raise TaskError(
                    f"Execution `{self.execution_id}` is {state}; only one that has ended can be deleted",
                    mend="kill it first",
                )
            params = {
                "deleteLogs": str(self.delete_logs).lower(),
                "deleteMetrics": str(self.delete_metrics).lower(),
                "deleteStorage": str(self.delete_storage).lower(),
            }
            await instance.call("DELETE", "executions", self.execution_id, params=params)

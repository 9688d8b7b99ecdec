"""The oldest way to share tasks between flows (flow spec §6.16)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.engine.flowables.base import Begun, Flowable
from batuta.engine.scope import Scope
from batuta.errors import TaskError
from batuta.plugin.registry import plugin


@plugin("io.kestra.plugin.core.flow.Template")
class Template(Flowable):
    """Run the tasks of a stored template. Deprecated since 0.11 and switched off: it fails, and says so.

    ```yaml
    id: shared
    type: io.kestra.plugin.core.flow.Template
    namespace: company.team
    templateId: notify
    ```
    """

    namespace: Annotated[str, Meta(description="Namespace of the template.")]
    template_id: Annotated[str, Meta(description="Id of the template.")]
    args: Annotated[dict[str, Any], Meta(description="What the tasks read as `parent.outputs.args`.")] = {}

    def begin(self, scope: Scope) -> Begun:
        """There are no templates on this server.

        Raises:
            TaskError: always.
        """
        raise TaskError(
            "Templates are disabled, please check your configuration",
            mend="put the shared tasks into a flow of their own, and run it with a Subflow",
        )

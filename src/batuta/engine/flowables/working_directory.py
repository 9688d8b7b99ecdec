"""Tasks that share a folder: one job for one worker (flow spec §6.14)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from batuta.engine.flowables.base import Flowable
from batuta.engine.outline import Kind
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask


@plugin("io.kestra.plugin.core.flow.WorkingDirectory")
class WorkingDirectory(Flowable):
    """Run tasks one after the other in one folder, on one worker.

    ```yaml
    id: shared
    type: io.kestra.plugin.core.flow.WorkingDirectory
    inputFiles:
      hello.txt: "Hello"
    tasks:
      - id: show
        type: io.kestra.plugin.scripts.shell.Commands
        commands: ["cat hello.txt"]
    ```
    """

    kind: ClassVar[Kind] = Kind.DELEGATED

    tasks: Annotated[list[AnyTask], Meta(description="Only tasks that run on a worker.")]
    input_files: Annotated[
        dict[str, Any] | str | None, Meta(description="Files to write first: name to content or URI.")
    ] = None
    output_files: Annotated[list[str], Meta(description="Globs of files to keep at the end.")] = []
    namespace_files: Annotated[
        dict[str, Any] | None, Meta(description="Which files of the namespace to copy into the folder.")
    ] = None
    cache: Annotated[
        dict[str, Any] | None,
        Meta(description="`patterns` of files to keep for the next execution, and their `ttl`."),
    ] = None

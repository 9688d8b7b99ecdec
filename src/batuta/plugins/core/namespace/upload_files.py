"""Files into a namespace."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


class Conflict(StrEnum):
    """What happens to a file that is there already."""

    OVERWRITE = "OVERWRITE"
    ERROR = "ERROR"
    SKIP = "SKIP"


@plugin(
    "io.kestra.plugin.core.namespace.UploadFiles",
    aliases=("io.kestra.core.tasks.namespace.UploadFiles",),
)
class UploadFiles(RunnableTask):
    """Put files into a namespace: those of the working directory that match globs, or stored ones by name.

    ```yaml
    id: upload
    type: io.kestra.plugin.core.namespace.UploadFiles
    namespace: company.team
    filesMap:
      reports/today.csv: "{{ inputs.report }}"
    destination: /archive
    ```
    """

    namespace: Annotated[
        str | None, Meta(description="Where to put the files; by default with the flow.")
    ] = None
    files: Annotated[list[str] | str | None, Meta(description="Globs of files in the working directory.")] = (
        None
    )
    files_map: Annotated[
        dict[str, Any] | str | None, Meta(description="Path to URI of a stored file; also as JSON text.")
    ] = None
    destination: Annotated[str, Meta(description="Folder of the namespace into which all of them go.")] = "/"
    conflict: Annotated[
        Conflict, Meta(description="What to do with a file that exists: replace it, fail, or keep it.")
    ] = Conflict.OVERWRITE

    class Output(task.Output, frozen=True):
        """The files of the namespace."""

        files: Annotated[dict[str, str], Meta(description="Path in the namespace to URI.")]

    async def run(self, ctx: RunContext) -> Output:
        """Write each file."""
        namespace = self.namespace or ctx.identity.namespace
        uploaded = {}
        for name, source in (await self._sources(ctx)).items():
            path = f"{self.destination.rstrip('/')}/{name.removeprefix('/')}"
            uploaded[path] = await self._upload(ctx, namespace, path, source)
        ctx.metrics.count("uploaded", len(uploaded))
        return self.Output(files=uploaded)

    async def _sources(self, ctx: RunContext) -> dict[str, Path | str]:
        if not self.files and not self.files_map:
            raise TaskError("one of `files` or `filesMap` is needed", mend="name the files to upload")
        patterns = [self.files] if isinstance(self.files, str) else self.files or []
        found: dict[str, Path | str] = {
            path: ctx.files.working_dir / path for path in await ctx.files.matching(patterns)
        }
        if patterns and not found:
            ctx.log.warn(f"No file of the working directory matches {', '.join(patterns)}")
        named = _map_of(self.files_map) if isinstance(self.files_map, str) else self.files_map or {}
        for name, uri in named.items():
            if not isinstance(uri, str):
                raise TaskError(f"filesMap: `{name}` must be the URI of a stored file")
            found[name] = uri.strip()
        return found

    async def _upload(self, ctx: RunContext, namespace: str, path: str, source: Path | str) -> str:
        if self.conflict is not Conflict.OVERWRITE:
            there = await ctx.namespaces.uri(namespace, path)
            if there is not None and self.conflict is Conflict.ERROR:
                raise TaskError(
                    f"File '{path}' already exists in namespace '{namespace}' and conflict is set to ERROR",
                    mend="set `conflict` to OVERWRITE or SKIP, or choose another path",
                )
            if there is not None:
                ctx.log.debug(f"File '{path}' already exists and is kept as it is")
                return there
        return await ctx.namespaces.put(namespace, path, source)


def _map_of(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise TaskError("filesMap: must be a map of paths to URIs, or JSON text of one") from None

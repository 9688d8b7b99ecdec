"""Flows as an archive: those of a namespace, or those that are named."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, to_builtins

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import InstanceTask, opened, spare_file


class Archive(task.Output, frozen=True):
    """Where the archive is."""

    flows_zip: Annotated[str, Meta(description="URI of the ZIP archive in internal storage.")]


@plugin("io.kestra.plugin.kestra.flows.Export")
class Export(InstanceTask):
    """Store the flows of a namespace and those below it as a ZIP archive.

    ```yaml
    id: export
    type: io.kestra.plugin.kestra.flows.Export
    namespace: company.team
    labels:
      - team:data
    ```
    """

    namespace: Annotated[
        str | None, Meta(description="Only flows of this namespace and those below it; all without it.")
    ] = None
    labels: Annotated[list[str], Meta(description="Only flows with these labels, each `key:value`.")] = []

    Output = Archive

    async def run(self, ctx: RunContext) -> Archive:
        """Ask for it and keep it."""
        params = {f"filters[labels][EQUALS][{key}]": value for key, value in map(_pair, self.labels)}
        if self.namespace:
            params["filters[namespace][PREFIX]"] = self.namespace
        path = spare_file(ctx)
        async with opened(ctx, self) as instance:
            await instance.download(path, "GET", "flows", "export", "by-query", params=params)
        return Archive(flows_zip=await ctx.files.put(path, "flows.zip"))


class NamedFlow(Struct, kw_only=True):
    """A flow by its name."""

    id: Annotated[str, Meta(description="Id of the flow.")]
    namespace: Annotated[str, Meta(description="Namespace of the flow.")]


@plugin("io.kestra.plugin.kestra.flows.ExportById")
class ExportById(InstanceTask):
    """Store the flows that are named as a ZIP archive.

    ```yaml
    id: export
    type: io.kestra.plugin.kestra.flows.ExportById
    flows:
      - id: nightly
        namespace: company.team
    ```
    """

    flows: Annotated[list[NamedFlow], Meta(description="Which flows.", min_length=1)]

    Output = Archive

    async def run(self, ctx: RunContext) -> Archive:
        """Ask for it and keep it."""
        path = spare_file(ctx)
        async with opened(ctx, self) as instance:
            await instance.download(path, "POST", "flows", "export", "by-ids", json=to_builtins(self.flows))
        return Archive(flows_zip=await ctx.files.put(path, "flows.zip"))


def _pair(label: str) -> tuple[str, str]:
    key, separator, value = label.partition(":")
    if not separator or not key.strip():
        raise TaskError(f"labels: `{label}` is not a label", mend="write `key:value`")
    return key.strip(), value.strip()

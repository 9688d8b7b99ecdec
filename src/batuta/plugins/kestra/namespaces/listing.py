"""Namespaces of a server: all that there are, or only those with flows."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import InstanceTask, opened


class Names(task.Output, frozen=True):
    """What there is."""

    namespaces: Annotated[list[str], Meta(description="Names of the namespaces, sorted.")]


@plugin("io.kestra.plugin.kestra.namespaces.List")
class List(InstanceTask):
    """List namespaces, those that are only parents of others among them.

    ```yaml
    id: namespaces
    type: io.kestra.plugin.kestra.namespaces.List
    prefix: company.
    ```
    """

    prefix: Annotated[str | None, Meta(description="Only names that begin with this text.")] = None
    page: Annotated[int | None, Meta(ge=1, description="Only this page of them; all without it.")] = None
    size: Annotated[int, Meta(ge=1, description="Names on a page.")] = 10
    existing_only: Annotated[
        bool,
        Meta(description="Without namespaces that exist only because flows and their children use them."),
    ] = False

    Output = Names

    async def run(self, ctx: RunContext) -> Names:
        """Ask for them."""
        prefix = self.prefix or ""
        params: dict[str, str] = {"existing": str(self.existing_only).lower()}
        if prefix:
            # The API looks for a text anywhere in a name.
            params["q"] = prefix
        names: list[str] = []
        async with opened(ctx, self) as instance:
            async for page in instance.pages("namespaces", "search", params=params):
                names += [each["id"] for each in page if each["id"].startswith(prefix)]
        names.sort()
        if self.page is not None:
            names = names[(self.page - 1) * self.size : self.page * self.size]
        return Names(namespaces=names)


@plugin(
    "io.kestra.plugin.kestra.namespaces.NamespacesWithFlows",
    aliases=("io.kestra.plugin.kestra.flows.DistinctNamespaces",),
)
class NamespacesWithFlows(InstanceTask):
    """List the namespaces that have flows of their own.

    ```yaml
    id: namespaces
    type: io.kestra.plugin.kestra.namespaces.NamespacesWithFlows
    prefix: company
    ```
    """

    prefix: Annotated[str | None, Meta(description="Only names that begin with this text.")] = None

    Output = Names

    async def run(self, ctx: RunContext) -> Names:
        """Ask for them."""
        prefix = self.prefix or ""
        params = {"q": prefix} if prefix else {}
        async with opened(ctx, self) as instance:
            found = await instance.call("GET", "flows", "distinct-namespaces", params=params)
        return Names(namespaces=sorted(name for name in found if name.startswith(prefix)))

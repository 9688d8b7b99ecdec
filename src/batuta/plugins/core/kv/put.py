"""Changing a part of a key-value entry."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.kv.missing import missing


@plugin("io.kestra.plugin.core.kv.Put")
class Put(RunnableTask):
    """Change a part of a key-value entry: a map is merged into a map, a list of paths sets single members.

    ```yaml
    id: adjust
    type: io.kestra.plugin.core.kv.Put
    key: settings
    value:
      - key: limits.rows
        value: 100
    ```
    """

    key: Annotated[str, Meta(description="The key.")]
    value: Annotated[Any, Meta(description="A map to merge, a list of `{key, value}`, or the new value.")]
    namespace: Annotated[str | None, Meta(description="Where the key is; by default with the flow.")] = None
    error_on_missing: Annotated[bool, Meta(description="Fail when the key does not exist.")] = False

    async def run(self, ctx: RunContext) -> None:
        """Read, change, write."""
        present = await ctx.kv.get(self.key, self.namespace)
        if present is None and self.error_on_missing:
            raise TaskError(missing(self.key, self.namespace or ctx.identity.namespace))
        await ctx.kv.put(self.key, changed(present, self.value), namespace=self.namespace)


def changed(present: Any, change: Any) -> Any:
    """`present` with the change made."""
    if isinstance(change, dict):
        return merged(present, change) if isinstance(present, dict) else change
    if (
        isinstance(change, list)
        and change
        and all(isinstance(each, dict) and "value" in each for each in change)
    ):
        if len(change) == 1 and "key" not in change[0]:
            return change[0]["value"]
        result = present if isinstance(present, dict) else {}
        for each in change:
            if "key" not in each:
                raise TaskError("value: every entry of a list of changes needs a `key`")
            result = with_member(result, str(each["key"]).split("."), each["value"])
        return result
    return change


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Both maps, nested ones merged."""
    result = dict(old)
    for key, value in new.items():
        there = result.get(key)
        result[key] = merged(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return result


def with_member(tree: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """The tree with one member set."""
    if len(path) == 1:
        return {**tree, path[0]: value}
    below = tree.get(path[0])
    return {**tree, path[0]: with_member(below if isinstance(below, dict) else {}, path[1:], value)}

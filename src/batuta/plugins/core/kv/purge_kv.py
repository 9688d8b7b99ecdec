"""Old key-value entries go away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.model.records import KvVersion
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask


class Behavior(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What of the keys that fit is removed."""

    type: Annotated[
        Literal["key", "version"], Meta(description="`key` removes whole keys, `version` single versions.")
    ] = "key"
    expired_only: Annotated[bool, Meta(description="With `key`: only keys whose time is over.")] = True
    before: Annotated[
        datetime | None,
        Meta(description="With `version`: versions written before this time, but never the last one."),
    ] = None
    keep_amount: Annotated[
        int | None, Meta(description="With `version`: all but so many of the newest of each key.", ge=1)
    ] = None


@plugin("io.kestra.plugin.core.kv.PurgeKV")
class PurgeKV(RunnableTask):
    """Remove key-value entries: those that have expired, all that fit a pattern, or their past versions.

    ```yaml
    id: clean
    type: io.kestra.plugin.core.kv.PurgeKV
    namespaces: [company]
    keyPattern: "state_*"
    behavior:
      type: version
      keepAmount: 3
    ```
    """

    namespaces: Annotated[list[str], Meta(description="Only of these namespaces; all without it.")] = []
    namespace_pattern: Annotated[
        str | None, Meta(description="Only of namespaces that fit this glob, such as `company.*`.")
    ] = None
    include_child_namespaces: Annotated[
        bool, Meta(description="With `namespaces`: also of those below them.")
    ] = True
    key_pattern: Annotated[str | None, Meta(description="Only keys that fit this glob.")] = None
    behavior: Annotated[Behavior, Meta(description="What is removed.")] = Behavior()
    expired_only: Annotated[
        bool | None, Meta(description="The older spelling of `behavior.expiredOnly`; wins over it.")
    ] = None

    class Output(task.Output, frozen=True):
        """How much there was."""

        size: Annotated[int, Meta(description="Keys that were removed, or versions.")]

    async def run(self, ctx: RunContext) -> Output:
        """Choose and remove."""
        if self.namespaces and self.namespace_pattern is not None:
            raise TaskError(
                "`namespaces` and `namespacePattern` exclude each other", mend="leave one of them out"
            )
        behavior = self.behavior
        if self.expired_only is not None:
            behavior = Behavior(expired_only=self.expired_only)
        if behavior.type == "version" and behavior.before is None and behavior.keep_amount is None:
            raise TaskError("`behavior` needs `before` or `keepAmount` to choose versions")
        every = [each for each in await ctx.kv.versions() if self._fits(each)]
        chosen: list[KvVersion] = []
        for _, versions in groupby(every, lambda each: (each.namespace, each.key)):
            chosen += outdated(list(versions), behavior, ctx.kv.has_expired)
        removed = await ctx.kv.remove_versions(chosen)
        size = removed if behavior.type == "version" else len({(each.namespace, each.key) for each in chosen})
        ctx.log.info(f"Removed {size} {'versions' if behavior.type == 'version' else 'keys'}")
        return self.Output(size=size)

    def _fits(self, version: KvVersion) -> bool:
        namespace = version.namespace
        if self.namespaces and not any(
            namespace == each or (self.include_child_namespaces and namespace.startswith(f"{each}."))
            for each in self.namespaces
        ):
            return False
        if self.namespace_pattern is not None and not fnmatchcase(namespace, self.namespace_pattern):
            return False
        return self.key_pattern is None or fnmatchcase(version.key, self.key_pattern)


def outdated(
    versions: Sequence[KvVersion], behavior: Behavior, has_expired: Callable[[KvVersion], bool]
) -> Iterable[KvVersion]:
    """What of the versions of one key, oldest first, is removed."""
    if behavior.type == "key":
        is_over = not behavior.expired_only or has_expired(versions[-1])
        return versions if is_over else ()
    past = [] if behavior.before is None else [each for each in versions if each.updated_at < behavior.before]
    if past and past[-1] is versions[-1]:
        past.pop()
    surplus = [] if behavior.keep_amount is None else versions[: -behavior.keep_amount]
    numbers = {each.version for each in (*past, *surplus)}
    return [each for each in versions if each.version in numbers]

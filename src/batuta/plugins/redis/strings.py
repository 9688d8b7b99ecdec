"""Keys with one value."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.messages import Serde
from batuta.plugins.redis.connection import Key, Url, connected

Form = Annotated[Serde, Meta(description="How values are written.")]


class SetOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """When to write, and for how long."""

    expiration_duration: Annotated[timedelta | None, Meta(description="The key is gone after this time.")] = (
        None
    )
    expiration_date: Annotated[datetime | None, Meta(description="The key is gone at this instant.")] = None
    must_not_exist: Annotated[bool, Meta(description="Write only where there is no such key.")] = False
    must_exist: Annotated[bool, Meta(description="Write only where there is one.")] = False
    keep_ttl: Annotated[bool, Meta(description="Let the key expire when it would have.")] = False


@plugin("io.kestra.plugin.redis.string.Set", aliases=("io.kestra.plugin.redis.Set",))
class Set(RunnableTask):
    """Write a key.

    ```yaml
    id: write
    type: io.kestra.plugin.redis.string.Set
    url: redis://localhost:6379/0
    key: greeting
    value: hello
    options: {expirationDuration: PT1H}
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    value: Annotated[Any, Meta(description="The value.")]
    options: Annotated[SetOptions, Meta(description="When to write, and for how long.")] = SetOptions()
    get: Annotated[bool, Meta(description="Tell the value that was there before.")] = False
    serde_type: Form = Serde.STRING

    class Output(task.Output, frozen=True):
        """What was there before."""

        old_value: Annotated[Any, Meta(description="The value before, with `get`.")] = None

    async def run(self, ctx: RunContext) -> Output:
        """Write."""
        options = self.options
        async with connected(self.url) as client:
            old = await client.set(
                self.key,
                self.serde_type.to_bytes(self.value),
                px=options.expiration_duration,
                pxat=options.expiration_date,
                nx=options.must_not_exist,
                xx=options.must_exist,
                keepttl=options.keep_ttl,
                get=self.get,
            )
        told = self.serde_type.of_bytes(old) if self.get and isinstance(old, bytes) else None
        return self.Output(old_value=told)


@plugin("io.kestra.plugin.redis.string.Get", aliases=("io.kestra.plugin.redis.Get",))
class Get(RunnableTask):
    """Read a key.

    ```yaml
    id: read
    type: io.kestra.plugin.redis.string.Get
    url: redis://localhost:6379/0
    key: greeting
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    serde_type: Form = Serde.STRING
    failed_on_missing: Annotated[bool, Meta(description="Fail where there is no such key.")] = False

    class Output(task.Output, frozen=True):
        """What was read."""

        data: Annotated[Any, Meta(description="The value; absent where there is none.")] = None
        key: Annotated[str, Meta(description="Name of the key.")] = ""

    async def run(self, ctx: RunContext) -> Output:
        """Read."""
        async with connected(self.url) as client:
            found = await client.get(self.key)
        if found is None and self.failed_on_missing:
            raise TaskError(f"there is no key `{self.key}`", mend="write it first, or drop `failedOnMissing`")
        return self.Output(key=self.key, data=None if found is None else self.serde_type.of_bytes(found))


@plugin("io.kestra.plugin.redis.string.Delete", aliases=("io.kestra.plugin.redis.Delete",))
class Delete(RunnableTask):
    """Remove keys.

    ```yaml
    id: remove
    type: io.kestra.plugin.redis.string.Delete
    url: redis://localhost:6379/0
    keys: [greeting]
    ```
    """

    extra = "redis"

    url: Url
    keys: Annotated[list[str], Meta(min_length=1, description="Names of the keys.")]
    failed_on_missing: Annotated[bool, Meta(description="Fail where one of them is missing.")] = False

    class Output(task.Output, frozen=True):
        """What was removed."""

        count: Annotated[int, Meta(description="Keys that were removed.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove."""
        async with connected(self.url) as client:
            count = await client.delete(*self.keys)
        if self.failed_on_missing and count < len(self.keys):
            raise TaskError(f"only {count} of {len(self.keys)} keys were there")
        ctx.metrics.count("keys.deleted", count)
        return self.Output(count=count)


@plugin("io.kestra.plugin.redis.string.Increment")
class Increment(RunnableTask):
    """Add to a number that is kept in a key.

    ```yaml
    id: count
    type: io.kestra.plugin.redis.string.Increment
    url: redis://localhost:6379/0
    key: visits
    amount: 5
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    amount: Annotated[float | None, Meta(description="What to add; 1 unless told otherwise.")] = None

    class Output(task.Output, frozen=True):
        """The sum."""

        value: Annotated[float | int, Meta(description="The number afterwards.")]

    async def run(self, ctx: RunContext) -> Output:
        """Add."""
        amount = 1 if self.amount is None else self.amount
        async with connected(self.url) as client:
            if float(amount).is_integer():
                return self.Output(value=await client.incrby(self.key, int(amount)))
            return self.Output(value=await client.incrbyfloat(self.key, amount))


@plugin("io.kestra.plugin.redis.string.Ttl")
class Ttl(RunnableTask):
    """Tell for how long a key is still there.

    ```yaml
    id: remaining
    type: io.kestra.plugin.redis.string.Ttl
    url: redis://localhost:6379/0
    key: greeting
    ```
    """

    extra = "redis"

    url: Url
    key: Key

    class Output(task.Output, frozen=True):
        """The time."""

        ttl: Annotated[int, Meta(description="Seconds; -1 for ever, -2 where there is no such key.")]

    async def run(self, ctx: RunContext) -> Output:
        """Ask."""
        async with connected(self.url) as client:
            return self.Output(ttl=await client.ttl(self.key))

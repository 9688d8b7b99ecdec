"""Key-value buckets of JetStream."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.nats.connection import Creds, Password, Token, Url, Username, connected

Bucket = Annotated[str, Meta(min_length=1, description="Name of the bucket.")]
Keys = Annotated[list[str], Meta(description="Names of the keys.")]


@plugin("io.kestra.plugin.nats.kv.CreateBucket")
class CreateBucket(RunnableTask):
    """Make a bucket.

    ```yaml
    id: make
    type: io.kestra.plugin.nats.kv.CreateBucket
    url: nats://localhost:4222
    name: prices
    historyPerKey: 5
    ```
    """

    extra = "nats"

    url: Url
    name: Bucket
    description: Annotated[str | None, Meta(description="What it is for.")] = None
    history_per_key: Annotated[int, Meta(ge=1, le=64, description="Values that are kept of each key.")] = 1
    max_bucket_size: Annotated[int | None, Meta(ge=1, description="Most bytes of the bucket.")] = None
    max_value_size: Annotated[int | None, Meta(ge=1, description="Most bytes of a value.")] = None
    entries_ttl: Annotated[timedelta | None, Meta(description="Entries are dropped after this time.")] = None
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None

    class Output(task.Output, frozen=True):
        """The bucket."""

        bucket: Annotated[str, Meta(description="Its name.")]
        description: Annotated[str | None, Meta(description="What it is for.")] = None
        history: Annotated[int, Meta(description="Values kept of each key.")] = 1
        entry_count: Annotated[int, Meta(description="Entries in it.")] = 0
        bucket_size: Annotated[int, Meta(description="Bytes in it.")] = 0

    async def run(self, ctx: RunContext) -> Output:
        """Make it."""
        from nats.js.api import KeyValueConfig

        config = KeyValueConfig(
            bucket=self.name,
            description=self.description,
            history=self.history_per_key,
            max_bytes=self.max_bucket_size,
            max_value_size=self.max_value_size,
            ttl=None if self.entries_ttl is None else self.entries_ttl.total_seconds(),
        )
        async with connected(self) as client:
            bucket = await client.jetstream().create_key_value(config)
            status = await bucket.status()
        return self.Output(
            bucket=self.name,
            description=self.description,
            history=self.history_per_key,
            entry_count=status.values,
            bucket_size=status.stream_info.state.bytes,
        )


@plugin("io.kestra.plugin.nats.kv.Put")
class Put(RunnableTask):
    """Write keys of a bucket.

    ```yaml
    id: write
    type: io.kestra.plugin.nats.kv.Put
    url: nats://localhost:4222
    bucketName: prices
    values: {apple: "1.20"}
    ```
    """

    extra = "nats"

    url: Url
    bucket_name: Bucket
    values: Annotated[dict[str, Any], Meta(description="Values by key.")]
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None

    class Output(task.Output, frozen=True):
        """What was written."""

        revisions: Annotated[dict[str, int], Meta(description="The new revision of each key.")]

    async def run(self, ctx: RunContext) -> Output:
        """Write."""
        async with connected(self) as client:
            bucket = await opened(client, self.bucket_name)
            revisions = {key: await bucket.put(key, _bytes(value)) for key, value in self.values.items()}
        return self.Output(revisions=revisions)


@plugin("io.kestra.plugin.nats.kv.Get")
class Get(RunnableTask):
    """Read keys of a bucket; those that there are not stay away.

    ```yaml
    id: read
    type: io.kestra.plugin.nats.kv.Get
    url: nats://localhost:4222
    bucketName: prices
    keys: [apple]
    ```
    """

    extra = "nats"

    url: Url
    bucket_name: Bucket
    keys: Keys
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None

    class Output(task.Output, frozen=True):
        """What was read."""

        output: Annotated[dict[str, Any], Meta(description="Values by key.")]

    async def run(self, ctx: RunContext) -> Output:
        """Read."""
        from nats.js.errors import KeyNotFoundError

        found: dict[str, Any] = {}
        async with connected(self) as client:
            bucket = await opened(client, self.bucket_name)
            for key in self.keys:
                try:
                    entry = await bucket.get(key)
                except KeyNotFoundError:
                    continue
                found[key] = (entry.value or b"").decode(errors="replace")
        return self.Output(output=found)


@plugin("io.kestra.plugin.nats.kv.Delete")
class Delete(RunnableTask):
    """Remove keys of a bucket.

    ```yaml
    id: remove
    type: io.kestra.plugin.nats.kv.Delete
    url: nats://localhost:4222
    bucketName: prices
    keys: [apple]
    ```
    """

    extra = "nats"

    url: Url
    bucket_name: Bucket
    keys: Keys
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None

    async def run(self, ctx: RunContext) -> None:
        """Remove."""
        async with connected(self) as client:
            bucket = await opened(client, self.bucket_name)
            for key in self.keys:
                await bucket.delete(key)


async def opened(client: Any, name: str) -> Any:
    """A bucket that there is.

    Raises:
        TaskError: there is none.
    """
    from nats.js.errors import BucketNotFoundError, NotFoundError

    try:
        return await client.jetstream().key_value(name)
    except (BucketNotFoundError, NotFoundError):
        raise TaskError(
            f"there is no bucket `{name}`", mend="make it with `io.kestra.plugin.nats.kv.CreateBucket`"
        ) from None


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)

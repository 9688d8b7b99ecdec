"""JSON documents of Redis servers that have the JSON module."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.redis.connection import Key, Url, connected

Path = Annotated[str, Meta(description="Place in the document, such as `$.price`.")]


@plugin("io.kestra.plugin.redis.json.Set")
class Set(RunnableTask):
    """Write a document, or a place in one.

    ```yaml
    id: write
    type: io.kestra.plugin.redis.json.Set
    url: redis://localhost:6379/0
    key: article
    value: {name: apple, price: 1.2}
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    value: Annotated[Any, Meta(description="The value.")]
    path: Path = "$"

    async def run(self, ctx: RunContext) -> None:
        """Write."""
        text = self.value if isinstance(self.value, str) else msgspec.json.encode(self.value).decode()
        async with connected(self.url) as client:
            await client.execute_command("JSON.SET", self.key, self.path, text)


@plugin("io.kestra.plugin.redis.json.Get")
class Get(RunnableTask):
    """Read a document, or places in one.

    ```yaml
    id: read
    type: io.kestra.plugin.redis.json.Get
    url: redis://localhost:6379/0
    key: article
    paths: ["$.price"]
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    paths: Annotated[list[str], Meta(description="Places in the document.")] = field(
        default_factory=lambda: ["$"]
    )
    failed_on_missing: Annotated[bool, Meta(description="Fail where there is no such key.")] = False

    class Output(task.Output, frozen=True):
        """What was read."""

        data: Annotated[Any, Meta(description="What was found.")] = None
        key: Annotated[str, Meta(description="Name of the key.")] = ""

    async def run(self, ctx: RunContext) -> Output:
        """Read."""
        async with connected(self.url) as client:
            found = await client.execute_command("JSON.GET", self.key, *self.paths)
        if found is None and self.failed_on_missing:
            raise TaskError(f"there is no key `{self.key}`")
        value = None if found is None else msgspec.json.decode(found)
        if self.paths == ["$"] and isinstance(value, list):
            value = value[0]
        return self.Output(key=self.key, data=value)


@plugin("io.kestra.plugin.redis.json.Delete")
class Delete(RunnableTask):
    """Remove a document, or a place in one.

    ```yaml
    id: remove
    type: io.kestra.plugin.redis.json.Delete
    url: redis://localhost:6379/0
    key: article
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    path: Path = "$"

    class Output(task.Output, frozen=True):
        """What was removed."""

        count: Annotated[int, Meta(description="Places that were removed.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove."""
        async with connected(self.url) as client:
            return self.Output(count=await client.execute_command("JSON.DEL", self.key, self.path))


@plugin("io.kestra.plugin.redis.json.Increment")
class Increment(RunnableTask):
    """Add to a number in a document.

    ```yaml
    id: count
    type: io.kestra.plugin.redis.json.Increment
    url: redis://localhost:6379/0
    key: article
    path: $.stock
    amount: -1
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    path: Path = "$"
    amount: Annotated[float, Meta(description="What to add.")] = 1

    class Output(task.Output, frozen=True):
        """The sum."""

        value: Annotated[Any, Meta(description="The number afterwards.")]

    async def run(self, ctx: RunContext) -> Output:
        """Add."""
        amount = int(self.amount) if float(self.amount).is_integer() else self.amount
        async with connected(self.url) as client:
            found = await client.execute_command("JSON.NUMINCRBY", self.key, self.path, amount)
        value = msgspec.json.decode(found)
        return self.Output(value=value[0] if isinstance(value, list) and len(value) == 1 else value)

"""Messages for whoever listens to a channel."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.messages import Data, Serde, messages_of
from batuta.plugins.redis.connection import Url, connected
from batuta.plugins.redis.strings import Form


@plugin("io.kestra.plugin.redis.pubsub.Publish", aliases=("io.kestra.plugin.redis.Publish",))
class Publish(RunnableTask):
    """Send values to a channel. Nobody who does not listen now will see them.

    ```yaml
    id: tell
    type: io.kestra.plugin.redis.pubsub.Publish
    url: redis://localhost:6379/0
    channel: news
    from: [first, second]
    ```
    """

    extra = "redis"

    url: Url
    channel: Annotated[str, Meta(min_length=1, description="Name of the channel.")]
    from_: Data = field(name="from")
    serde_type: Form = Serde.STRING

    class Output(task.Output, frozen=True):
        """How many were sent."""

        count: Annotated[int, Meta(description="Values that were sent.")]

    async def run(self, ctx: RunContext) -> Output:
        """Send."""
        count = 0
        async with connected(self.url) as client:
            async for each in messages_of(ctx, self.from_):
                await client.publish(self.channel, self.serde_type.to_bytes(each))
                count += 1
        ctx.metrics.count("published.records.count", count)
        return self.Output(count=count)

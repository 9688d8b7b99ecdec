"""Messages sent to an exchange."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.amqp.connection import Host, Password, Port, Url, Username, VirtualHost, channel
from batuta.plugins.amqp.messages import to_send
from batuta.plugins.messages import Data, Serde, messages_of


@plugin("io.kestra.plugin.amqp.Publish")
class Publish(RunnableTask):
    """Send messages to an exchange; the broker confirms each of them.

    A message is a map of `data` and, if you like, `headers`, `contentType`, `messageId` and so on.

    ```yaml
    id: send
    type: io.kestra.plugin.amqp.Publish
    host: localhost
    exchange: orders
    routingKey: new
    from:
      - data: first
        headers: {source: batuta}
      - data: second
    ```
    """

    extra = "amqp"

    exchange: Annotated[str, Meta(description="Exchange to send to; empty for the default one.")]
    from_: Data = field(name="from")
    routing_key: Annotated[str | None, Meta(description="Routing key.")] = None
    serde_type: Annotated[Serde, Meta(description="How `data` is written.")] = Serde.STRING
    url: Url = None
    host: Host = None
    port: Port = 5672
    username: Username = None
    password: Password = None
    virtual_host: VirtualHost = "/"

    class Output(task.Output, frozen=True):
        """How many were sent."""

        messages_count: Annotated[int, Meta(description="Messages that were sent.")]

    async def run(self, ctx: RunContext) -> Output:
        """Send."""
        count = 0
        async with channel(self) as opened:
            exchange = await opened.get_exchange(self.exchange) if self.exchange else opened.default_exchange
            async for each in messages_of(ctx, self.from_):
                try:
                    message = to_send(self.serde_type, each)
                except (ValueError, TypeError) as error:
                    raise TaskError(f"message {count + 1} cannot be sent: {error}") from None
                await exchange.publish(message, routing_key=self.routing_key or "", mandatory=False)
                count += 1
        ctx.metrics.count("published.records", count)
        return self.Output(messages_count=count)

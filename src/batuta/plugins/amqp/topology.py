"""Queues, exchanges and what binds them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.amqp.connection import Host, Password, Port, Url, Username, VirtualHost, channel

Args = Annotated[dict[str, Any], Meta(description="Further arguments of the broker.")]
Durable = Annotated[bool, Meta(description="It survives a restart of the broker.")]
AutoDelete = Annotated[bool, Meta(description="It goes when nobody uses it any more.")]


@plugin("io.kestra.plugin.amqp.CreateQueue")
class CreateQueue(RunnableTask):
    """Make a queue, where there is none of that name.

    ```yaml
    id: make
    type: io.kestra.plugin.amqp.CreateQueue
    host: localhost
    name: orders
    ```
    """

    extra = "amqp"

    name: Annotated[str, Meta(description="Name of the queue.")]
    durability: Durable = True
    exclusive: Annotated[bool, Meta(description="Only for this connection.")] = False
    auto_delete: AutoDelete = False
    args: Args = {}
    url: Url = None
    host: Host = None
    port: Port = 5672
    username: Username = None
    password: Password = None
    virtual_host: VirtualHost = "/"

    class Output(task.Output, frozen=True):
        """The queue."""

        queue: Annotated[str, Meta(description="Its name.")]

    async def run(self, ctx: RunContext) -> Output:
        """Make it."""
        async with channel(self) as opened:
            queue = await opened.declare_queue(
                self.name,
                durable=self.durability,
                exclusive=self.exclusive,
                auto_delete=self.auto_delete,
                arguments=self.args or None,
            )
        return self.Output(queue=queue.name)


@plugin("io.kestra.plugin.amqp.DeclareExchange")
class DeclareExchange(RunnableTask):
    """Make an exchange, where there is none of that name.

    ```yaml
    id: make
    type: io.kestra.plugin.amqp.DeclareExchange
    host: localhost
    name: orders
    exchangeType: TOPIC
    ```
    """

    extra = "amqp"

    name: Annotated[str, Meta(description="Name of the exchange.")]
    exchange_type: Annotated[
        Literal["DIRECT", "FANOUT", "TOPIC", "HEADERS"], Meta(description="How it chooses queues.")
    ] = "DIRECT"
    durability: Durable = True
    auto_delete: AutoDelete = False
    internal: Annotated[bool, Meta(description="Only other exchanges may send to it.")] = False
    args: Args = {}
    url: Url = None
    host: Host = None
    port: Port = 5672
    username: Username = None
    password: Password = None
    virtual_host: VirtualHost = "/"

    class Output(task.Output, frozen=True):
        """The exchange."""

        exchange: Annotated[str, Meta(description="Its name.")]

    async def run(self, ctx: RunContext) -> Output:
        """Make it."""
        async with channel(self) as opened:
            await opened.declare_exchange(
                self.name,
                self.exchange_type.lower(),
                durable=self.durability,
                auto_delete=self.auto_delete,
                internal=self.internal,
                arguments=self.args or None,
            )
        return self.Output(exchange=self.name)


@plugin("io.kestra.plugin.amqp.QueueBind")
class QueueBind(RunnableTask):
    """Let a queue get the messages of an exchange.

    ```yaml
    id: bind
    type: io.kestra.plugin.amqp.QueueBind
    host: localhost
    exchange: orders
    queue: new-orders
    routingKey: new
    ```
    """

    extra = "amqp"

    exchange: Annotated[str, Meta(description="Name of the exchange.")]
    queue: Annotated[str, Meta(description="Name of the queue.")]
    routing_key: Annotated[str, Meta(description="Which of its messages.")] = ""
    args: Args = {}
    url: Url = None
    host: Host = None
    port: Port = 5672
    username: Username = None
    password: Password = None
    virtual_host: VirtualHost = "/"

    class Output(task.Output, frozen=True):
        """What was bound."""

        queue: Annotated[str, Meta(description="Name of the queue.")]
        exchange: Annotated[str, Meta(description="Name of the exchange.")]

    async def run(self, ctx: RunContext) -> Output:
        """Bind."""
        async with channel(self) as opened:
            queue = await opened.get_queue(self.queue, ensure=True)
            await queue.bind(self.exchange, self.routing_key, arguments=self.args or None)
        return self.Output(queue=self.queue, exchange=self.exchange)

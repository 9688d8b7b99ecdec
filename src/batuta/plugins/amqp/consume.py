"""Messages of a queue: as a file, looked for by a trigger, and as they come."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated, Any

from msgspec import Meta

from batuta import ids
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugin.trigger import (
    Feed,
    Found,
    Inputs,
    PollingTrigger,
    RealtimeTrigger,
    SourceDown,
    TriggerContext,
)
from batuta.plugins.amqp.connection import Host, Password, Port, Url, Username, VirtualHost, channel
from batuta.plugins.amqp.messages import received
from batuta.plugins.messages import Limits, MaxDuration, MaxRecords, RowFile, Serde

PREFETCH = 100
"""Messages that the broker sends ahead."""
PAUSE_SECONDS = 0.1
"""Between two looks at a queue that is empty."""

Queue = Annotated[str, Meta(min_length=1, description="Name of the queue, which exists already.")]
ConsumerTag = Annotated[str, Meta(description="Name of the consumer.")]
AutoAck = Annotated[
    bool, Meta(description="The broker forgets messages as it sends them; they are lost where this breaks.")
]
Form = Annotated[Serde, Meta(description="How `data` is written.")]


class Consumed(task.Output, frozen=True):
    """What was received."""

    count: Annotated[int, Meta(description="Messages that were received.")]
    uri: Annotated[str, Meta(description="URI of a row file of them.")]


@plugin("io.kestra.plugin.amqp.Consume")
class Consume(RunnableTask):
    """Receive messages of a queue and store them as a row file.

    It stops at `maxRecords` or `maxDuration`; without either, once the queue is empty. Messages are
    acknowledged when the file is stored.

    ```yaml
    id: receive
    type: io.kestra.plugin.amqp.Consume
    host: localhost
    queue: orders
    maxRecords: 1000
    ```
    """

    extra = "amqp"
    Output = Consumed

    queue: Queue
    consumer_tag: ConsumerTag = "Kestra"
    auto_ack: AutoAck = False
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    serde_type: Form = Serde.STRING
    url: Url = None
    host: Host = None
    port: Port = 5672
    username: Username = None
    password: Password = None
    virtual_host: VirtualHost = "/"

    async def run(self, ctx: RunContext) -> Consumed:
        """Receive."""
        async with channel(self) as opened:
            rows = RowFile(ctx)
            taken = await gathered(opened, self, ctx, rows)
            uri = await rows.stored()
            await acknowledge(taken)
        ctx.metrics.count("consumed.records", rows.count)
        return Consumed(count=rows.count, uri=uri)


@plugin("io.kestra.plugin.amqp.Trigger")
class Trigger(PollingTrigger):
    """Look for messages of a queue every now and then, and start the flow with all that there are.

    They are acknowledged once the execution exists.

    ```yaml
    id: orders
    type: io.kestra.plugin.amqp.Trigger
    host: localhost
    queue: orders
    interval: PT30S
    maxRecords: 100
    ```
    """

    extra = "amqp"

    queue: Queue
    consumer_tag: ConsumerTag = "Kestra"
    auto_ack: AutoAck = False
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    serde_type: Form = Serde.STRING
    url: Url = None
    host: Host = None
    port: Port = 5672
    username: Username = None
    password: Password = None
    virtual_host: VirtualHost = "/"
    inputs: Inputs = None

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Receive what there is."""
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(channel(self))
            rows = RowFile(ctx)
            taken = await gathered(opened, self, ctx, rows, seen=ctx)
            uri = await rows.stored()
            if not taken:
                return None
            kept = stack.pop_all()
        known = [occasion(self.queue, each) for each in taken]
        return Found(
            variables=Consumed(count=rows.count, uri=uri),
            occasions=tuple(dict.fromkeys(each for each in known if each is not None)),
            settle=partial(acknowledge, taken),
            release=kept.aclose,
        )


@plugin("io.kestra.plugin.amqp.RealtimeTrigger")
class Realtime(RealtimeTrigger):
    """Start an execution for each message of a queue, as soon as it comes.

    The execution sees `trigger.data`, `trigger.headers`, `trigger.contentType`, `trigger.messageId` and more.
    A message is acknowledged once its execution exists. One that comes again, because its acknowledgement got
    lost, is known by its `messageId`, where its sender gives it one.

    ```yaml
    id: orders
    type: io.kestra.plugin.amqp.RealtimeTrigger
    host: localhost
    queue: orders
    ```
    """

    extra = "amqp"

    queue: Queue
    consumer_tag: ConsumerTag = "Kestra"
    auto_ack: AutoAck = False
    serde_type: Form = Serde.STRING
    url: Url = None
    host: Host = None
    port: Port = 5672
    username: Username = None
    password: Password = None
    virtual_host: VirtualHost = "/"
    inputs: Inputs = None

    async def listen(self, ctx: TriggerContext, feed: Feed) -> None:
        """Listen until cancelled."""
        from aio_pika.exceptions import ChannelNotFoundEntity

        async with channel(self, prefetch=PREFETCH) as opened:
            try:
                queue = await opened.get_queue(self.queue, ensure=True)
            except ChannelNotFoundEntity as error:
                # A broker that has just begun may not know its queues yet.
                raise SourceDown(
                    f"the AMQP broker has no queue `{self.queue}`", mend="it is looked for again by itself"
                ) from error
            await feed.opened()
            # A broker refuses a second consumer of the same name.
            tag = f"{self.consumer_tag}-{ids.random_id()}"
            async with queue.iterator(no_ack=self.auto_ack, consumer_tag=tag) as heard:
                async for message in heard:
                    told = received(ctx, self.serde_type, message)
                    known = occasion(self.queue, message)
                    done = await feed.emit(told, occasion=known)
                    if not done and known is not None and not message.redelivered:
                        # Not the same message once more, but another one of the same id.
                        await feed.emit(told)
                    if not self.auto_ack:
                        await message.ack()
        raise SourceDown("the AMQP broker has gone away", mend="it is tried again by itself")


def occasion(queue: str, message: Any) -> str | None:
    """What a message is known by, if its sender has given it an id."""
    return f"{queue}:{message.message_id}" if message.message_id else None


async def gathered(
    opened: Any, of: Any, ctx: RunContext, rows: RowFile, seen: TriggerContext | None = None
) -> list[Any]:
    """Messages until it is enough, each written to the file; those `seen` before are acknowledged."""
    limits = Limits(of.max_records, of.max_duration)
    queue = await opened.get_queue(of.queue, ensure=True)
    taken: list[Any] = []
    while not limits.reached(len(taken)):
        message = await queue.get(no_ack=of.auto_ack, fail=False)
        if message is None:
            if of.max_duration is None:
                break
            await asyncio.sleep(limits.seconds(PAUSE_SECONDS))
            continue
        known = occasion(of.queue, message)
        if seen is not None and message.redelivered and known is not None and not await seen.unseen([known]):
            await acknowledge([message])
            continue
        rows.add(plain_outputs(received(ctx, of.serde_type, message)))
        taken.append(message)
    return taken


async def acknowledge(messages: list[Any]) -> None:
    """Tell the broker that messages were dealt with."""
    for message in messages:
        if not message.processed:
            await message.ack()

"""Messages of a subject, as a file; and the trigger that looks for them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugin.trigger import Found, Inputs, PollingTrigger, TriggerContext
from batuta.plugins.messages import Limits, MaxDuration, MaxRecords, RowFile
from batuta.plugins.nats import streams
from batuta.plugins.nats.connection import Creds, Password, Token, Url, Username, connected


class Consumed(task.Output, frozen=True):
    """What was received."""

    messages_count: Annotated[int, Meta(description="Messages that were received.")]
    uri: Annotated[str, Meta(description="URI of a row file of them.")]


@plugin("io.kestra.plugin.nats.core.Consume", aliases=("io.kestra.plugin.nats.Consume",))
class Consume(RunnableTask):
    """Receive messages of a subject that a JetStream stream holds, and store them as a row file.

    It stops at `maxRecords` or `maxDuration`, or once no message comes within `pollDuration`. Messages are
    acknowledged when the file is stored.

    ```yaml
    id: receive
    type: io.kestra.plugin.nats.core.Consume
    url: nats://localhost:4222
    subject: orders.>
    durableId: orders
    maxRecords: 1000
    ```
    """

    extra = "nats"
    Output = Consumed

    url: Url
    subject: streams.Subject
    durable_id: streams.DurableId = None
    since: streams.Since = None
    poll_duration: streams.PollDuration = timedelta(seconds=2)
    batch_size: streams.BatchSize = 10
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    deliver_policy: streams.DeliverPolicy = "All"
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None

    async def run(self, ctx: RunContext) -> Consumed:
        """Receive."""
        async with connected(self) as client:
            rows = RowFile(ctx)
            taken = [each async for each in received(client, self, ctx, rows)]
            uri = await rows.stored()
            await acknowledge(client, taken)
        ctx.metrics.count("records", rows.count)
        return Consumed(messages_count=rows.count, uri=uri)


@plugin("io.kestra.plugin.nats.core.Trigger", aliases=("io.kestra.plugin.nats.Trigger",))
class Trigger(PollingTrigger):
    """Look for messages of a subject every now and then, and start the flow with all that there are.

    They are acknowledged once the execution exists; what was not is delivered again, and known by its place
    in the stream. To start an execution for each message, at once, use `RealtimeTrigger`.

    ```yaml
    id: orders
    type: io.kestra.plugin.nats.core.Trigger
    url: nats://localhost:4222
    subject: orders.>
    durableId: orders
    interval: PT30S
    maxRecords: 100
    ```
    """

    extra = "nats"

    url: Url
    subject: streams.Subject
    durable_id: streams.DurableId = None
    since: streams.Since = None
    poll_duration: streams.PollDuration = timedelta(seconds=2)
    batch_size: streams.BatchSize = 10
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    deliver_policy: streams.DeliverPolicy = "All"
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None
    inputs: Inputs = None

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Receive what there is."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(connected(self))
            rows = RowFile(ctx)
            taken: list[Any] = []
            occasions: list[str] = []
            async for each in received(client, self, ctx, rows, seen=ctx):
                taken.append(each)
                if each.reply.startswith("$JS.ACK"):
                    occasions.append(streams.occasion(each))
            if not rows.count:
                await rows.stored()
                return None
            variables = Consumed(messages_count=rows.count, uri=await rows.stored())
            kept = stack.pop_all()
        return Found(
            variables=variables,
            occasions=tuple(occasions),
            settle=lambda: acknowledge(client, taken),
            release=kept.aclose,
        )


async def received(
    client: Any, of: Any, ctx: RunContext, rows: RowFile, seen: TriggerContext | None = None
) -> Any:
    """Messages one after the other, each written to the file; those `seen` before are acknowledged."""
    limits = Limits(of.max_records, of.max_duration)
    wait = of.poll_duration.total_seconds()
    pull = await streams.subscription(client, of, ctx)
    if pull is None:
        ctx.log.warn(f"No stream holds `{of.subject}`: only what passes by while this runs is received")
        async for message in _passing(client, of, limits, rows, wait):
            yield message
        return
    while not limits.reached(rows.count):
        found = await streams.fetched(
            client, pull, limits.room(rows.count, of.batch_size), limits.seconds(wait)
        )
        if not found:
            return
        fresh = found
        if seen is not None:
            unseen = set(await seen.unseen([streams.occasion(each) for each in found]))
            fresh = [each for each in found if streams.occasion(each) in unseen]
            await acknowledge(client, [each for each in found if each not in fresh])
        for message in fresh:
            rows.add(_row(message))
            yield message


async def _passing(client: Any, of: Any, limits: Limits, rows: RowFile, wait: float) -> Any:
    heard = streams.passing(client, of.subject)
    while not limits.reached(rows.count):
        try:
            async with asyncio.timeout(limits.seconds(wait)):
                message = await anext(heard)
        except TimeoutError:
            return
        if message is not None:
            rows.add(_row(message))
            yield message


def _row(message: Any) -> dict[str, Any]:
    found = streams.shown(message)
    return {
        "subject": found.subject,
        "headers": found.headers,
        "data": found.data,
        "timestamp": found.timestamp,
    }


async def acknowledge(client: Any, messages: list[Any]) -> None:
    """Tell the stream that messages were dealt with."""
    for message in messages:
        if message.reply.startswith("$JS.ACK"):
            await message.ack()
    await client.flush()

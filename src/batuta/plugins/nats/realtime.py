"""Messages of a subject as they come."""

from __future__ import annotations

from datetime import timedelta

from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Feed, Inputs, RealtimeTrigger, TriggerContext
from batuta.plugins.nats import streams
from batuta.plugins.nats.connection import Creds, Password, Token, Url, Username, connected

WAIT_SECONDS = 5.0
"""How long one request for messages stays open on the server."""


@plugin("io.kestra.plugin.nats.core.RealtimeTrigger", aliases=("io.kestra.plugin.nats.RealtimeTrigger",))
class Realtime(RealtimeTrigger):
    """Start an execution for each message of a subject, as soon as it comes.

    The execution sees `trigger.subject`, `trigger.data`, `trigger.headers` and `trigger.timestamp`. Where a
    JetStream stream holds the subject, a message is acknowledged once its execution exists, and none is lost
    or doubled, whatever breaks in between; give a `durableId`, so that the server knows where it goes on.
    Without a stream only what is sent while the trigger listens is received.

    ```yaml
    id: orders
    type: io.kestra.plugin.nats.core.RealtimeTrigger
    url: nats://localhost:4222
    subject: orders.>
    durableId: orders
    ```
    """

    extra = "nats"

    url: Url
    subject: streams.Subject
    durable_id: streams.DurableId = None
    since: streams.Since = None
    poll_duration: streams.PollDuration = timedelta(seconds=2)
    batch_size: streams.BatchSize = 10
    deliver_policy: streams.DeliverPolicy = "All"
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None
    inputs: Inputs = None

    async def listen(self, ctx: TriggerContext, feed: Feed) -> None:
        """Listen until cancelled."""
        async with connected(self) as client:
            pull = await streams.subscription(client, self, ctx)
            await feed.opened()
            if pull is None:
                ctx.log.warn(f"No stream holds `{self.subject}`: what is sent while nobody listens is lost")
                async for message in streams.passing(client, self.subject):
                    if message is not None:
                        await feed.emit(streams.shown(message))
                return
            while True:
                for message in await streams.fetched(client, pull, self.batch_size, WAIT_SECONDS):
                    await feed.emit(streams.shown(message), occasion=streams.occasion(message))
                    await message.ack()

"""Messages of topics: as a file, looked for by a trigger, and as they come."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated, Any

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugin.trigger import Feed, Found, Inputs, PollingTrigger, RealtimeTrigger, TriggerContext
from batuta.plugins.messages import Limits, MaxDuration, MaxRecords, RowFile, Serde
from batuta.plugins.mqtt import connection
from batuta.plugins.mqtt.connection import Session, connected

QUIET_SECONDS = 2.0
"""A consumer without `maxDuration` stops when no message comes for so long."""

Topics = Annotated[Any, Meta(description="A topic, or a list of them; `+` and `#` stand for others.")]
Form = Annotated[Serde, Meta(description="How messages are written.")]


class Message(task.Output, frozen=True):
    """A message, as executions see it."""

    id: int
    topic: str
    qos: int
    payload: Any
    retain: bool
    properties: dict[str, Any] | None = None


class Received(task.Output, frozen=True):
    """What was received."""

    messages_count: Annotated[int, Meta(description="Messages that were received.")]
    uri: Annotated[str, Meta(description="URI of a row file of them.")]


@plugin("io.kestra.plugin.mqtt.Subscribe")
class Subscribe(RunnableTask):
    """Receive messages of topics and store them as a row file.

    It stops at `maxRecords` or `maxDuration`, or once no message comes any more. Messages are acknowledged
    when the file is stored.

    ```yaml
    id: receive
    type: io.kestra.plugin.mqtt.Subscribe
    server: tcp://localhost:1883
    clientId: batuta-receiver
    topic: [sensors/cpu, sensors/mem]
    maxRecords: 10
    ```
    """

    extra = "mqtt"
    Output = Received

    server: connection.Server
    client_id: connection.ClientId
    topic: Topics
    qos: connection.Qos = 1
    serde_type: Form = Serde.JSON
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    mqtt_version: connection.Version = "V5"
    connection_timeout: connection.ConnectionTimeout = None
    username: connection.Username = None
    password: connection.Password = None
    auth_method: connection.AuthMethod = None
    crt: connection.Crt = None
    https_hostname_verification_enabled: connection.HostnameVerification = True

    async def run(self, ctx: RunContext) -> Received:
        """Receive."""
        async with connected(self, topics_of(self.topic), self.qos) as session:
            rows = RowFile(ctx)
            taken = await received(session, self, ctx, rows)
            uri = await rows.stored()
            await acknowledge(session, taken)
        ctx.metrics.count("records", rows.count)
        return Received(messages_count=rows.count, uri=uri)


@plugin("io.kestra.plugin.mqtt.Trigger")
class Trigger(PollingTrigger):
    """Look for messages of topics every now and then, and start the flow with all that there are.

    The broker keeps them for the client between two looks, where `qos` is above 0.

    ```yaml
    id: sensors
    type: io.kestra.plugin.mqtt.Trigger
    server: tcp://localhost:1883
    clientId: batuta-sensors
    topic: sensors/#
    maxRecords: 100
    interval: PT30S
    ```
    """

    extra = "mqtt"

    server: connection.Server
    client_id: connection.ClientId
    topic: Topics
    qos: connection.Qos = 1
    serde_type: Form = Serde.JSON
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    mqtt_version: connection.Version = "V5"
    connection_timeout: connection.ConnectionTimeout = None
    username: connection.Username = None
    password: connection.Password = None
    auth_method: connection.AuthMethod = None
    crt: connection.Crt = None
    https_hostname_verification_enabled: connection.HostnameVerification = True
    inputs: Inputs = None

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Receive what there is."""
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(connected(self, topics_of(self.topic), self.qos))
            rows = RowFile(ctx)
            taken = await received(session, self, ctx, rows)
            uri = await rows.stored()
            if not taken:
                return None
            kept = stack.pop_all()
        return Found(
            variables=Received(messages_count=rows.count, uri=uri),
            settle=partial(acknowledge, session, taken),
            release=kept.aclose,
        )


@plugin("io.kestra.plugin.mqtt.RealtimeTrigger")
class Realtime(RealtimeTrigger):
    """Start an execution for each message of topics, as soon as it comes.

    The execution sees `trigger.topic`, `trigger.payload`, `trigger.qos`, `trigger.retain` and `trigger.id`.
    A message is acknowledged once its execution exists. Where `qos` is above 0, the broker keeps messages for
    the client while it is away. MQTT gives messages no lasting id: one whose acknowledgement gets lost comes
    again.

    ```yaml
    id: sensors
    type: io.kestra.plugin.mqtt.RealtimeTrigger
    server: tcp://localhost:1883
    clientId: batuta-sensors
    topic: [sensors/cpu, sensors/mem]
    ```
    """

    extra = "mqtt"

    server: connection.Server
    client_id: connection.ClientId
    topic: Topics
    qos: connection.Qos = 1
    serde_type: Form = Serde.JSON
    mqtt_version: connection.Version = "V5"
    connection_timeout: connection.ConnectionTimeout = None
    username: connection.Username = None
    password: connection.Password = None
    auth_method: connection.AuthMethod = None
    crt: connection.Crt = None
    https_hostname_verification_enabled: connection.HostnameVerification = True
    inputs: Inputs = None

    async def listen(self, ctx: TriggerContext, feed: Feed) -> None:
        """Listen until cancelled."""
        async with connected(self, topics_of(self.topic), self.qos) as session:
            await feed.opened()
            while True:
                message = await session.next(None)
                await feed.emit(shown(ctx, self.serde_type, message))
                await session.acknowledge(message)


def topics_of(given: Any) -> list[str]:
    """One topic or several.

    Raises:
        TaskError: there is none.
    """
    topics = [str(each) for each in given] if isinstance(given, list) else [str(given or "").strip()]
    if not all(topics) or not topics:
        raise TaskError("`topic` must be a topic, or a list of topics")
    return topics


def shown(ctx: RunContext, form: Serde, message: Any) -> Message:
    """A message of the library as ours; content that is not as told is given as text."""
    try:
        payload = form.of_bytes(message.payload)
    except TaskError as error:
        ctx.log.warn(f"{error.what}; it is passed on as text")
        payload = Serde.STRING.of_bytes(message.payload)
    told = getattr(message, "properties", None)
    return Message(
        id=message.mid,
        topic=message.topic,
        qos=message.qos,
        payload=payload,
        retain=message.retain,
        properties=told.json() if told is not None and not told.isEmpty() else None,
    )


async def received(session: Session, of: Any, ctx: RunContext, rows: RowFile) -> list[Any]:
    """Messages until it is enough, each written to the file."""
    limits = Limits(of.max_records, of.max_duration)
    taken: list[Any] = []
    while not limits.reached(len(taken)):
        message = await session.next(limits.seconds(QUIET_SECONDS))
        if message is None:
            break
        found = shown(ctx, of.serde_type, message)
        row = {"id": found.id, "topic": found.topic, "qos": found.qos, "payload": found.payload}
        rows.add({**row, "retain": found.retain})
        taken.append(message)
    return taken


async def acknowledge(session: Session, messages: list[Any]) -> None:
    """Tell the broker that messages were dealt with."""
    for message in messages:
        await session.acknowledge(message)

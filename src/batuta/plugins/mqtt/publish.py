"""Messages sent to a topic."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.messages import Data, Serde, messages_of
from batuta.plugins.mqtt import connection
from batuta.plugins.mqtt.connection import connected


@plugin("io.kestra.plugin.mqtt.Publish")
class Publish(RunnableTask):
    """Send messages to a topic of an MQTT broker.

    ```yaml
    id: send
    type: io.kestra.plugin.mqtt.Publish
    server: tcp://localhost:1883
    clientId: batuta-sender
    topic: sensors/cpu
    serdeType: JSON
    from: {value: 1.23}
    ```
    """

    extra = "mqtt"

    server: connection.Server
    client_id: connection.ClientId
    topic: Annotated[str, Meta(min_length=1, description="Topic to send to.")]
    from_: Data = field(name="from")
    retain: Annotated[bool, Meta(description="The broker keeps the last message for later subscribers.")] = (
        False
    )
    qos: connection.Qos = 1
    serde_type: Annotated[Serde, Meta(description="How messages are written.")] = Serde.JSON
    mqtt_version: connection.Version = "V5"
    connection_timeout: connection.ConnectionTimeout = None
    username: connection.Username = None
    password: connection.Password = None
    auth_method: connection.AuthMethod = None
    crt: connection.Crt = None
    https_hostname_verification_enabled: connection.HostnameVerification = True

    class Output(task.Output, frozen=True):
        """How many were sent."""

        messages_count: Annotated[int, Meta(description="Messages that were sent.")]

    async def run(self, ctx: RunContext) -> Output:
        """Send."""
        count = 0
        async with connected(self) as session:
            async for each in messages_of(ctx, self.from_):
                content = self.serde_type.to_bytes(each)
                await session.publish(self.topic, content, qos=self.qos, retain=self.retain)
                count += 1
        ctx.metrics.count("records", count)
        return self.Output(messages_count=count)

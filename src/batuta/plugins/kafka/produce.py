"""Records sent to a topic."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from batuta import ids
from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.kafka.connection import Properties, SerdeProperties, client
from batuta.plugins.kafka.serdes import Serde, written
from batuta.plugins.messages import Data, messages_of


class Record(msgspec.Struct, frozen=True):
    """A record, ready to be sent."""

    topic: str
    value: bytes | None
    key: bytes | None
    partition: int | None
    timestamp_ms: int | None
    headers: list[tuple[str, bytes]] | None


@plugin("io.kestra.plugin.kafka.Produce")
class Produce(RunnableTask):
    """Send records to a topic of Kafka.

    A record is a map of `value` and, if you like, `key`, `headers`, `partition`, `timestamp` and `topic`.
    With `transactional` all of them become visible together.

    ```yaml
    id: send
    type: io.kestra.plugin.kafka.Produce
    properties:
      bootstrap.servers: localhost:9092
    topic: orders
    valueSerializer: JSON
    from:
      - key: "1"
        value: {article: apple}
    ```
    """

    extra = "kafka"

    properties: Properties
    from_: Data = field(name="from")
    topic: Annotated[str | None, Meta(description="Topic, for records that name none.")] = None
    key_serializer: Annotated[Serde, Meta(description="How keys are written.")] = Serde.STRING
    value_serializer: Annotated[Serde, Meta(description="How values are written.")] = Serde.STRING
    key_avro_schema: Annotated[str | None, Meta(description="Schema of keys, for AVRO.")] = None
    value_avro_schema: Annotated[str | None, Meta(description="Schema of values, for AVRO.")] = None
    serde_properties: SerdeProperties = {}
    transactional: Annotated[bool, Meta(description="All records or none.")] = True

    class Output(task.Output, frozen=True):
        """How many were sent."""

        messages_count: Annotated[int, Meta(description="Records that were sent.")]

    async def run(self, ctx: RunContext) -> Output:
        """Send."""
        from aiokafka import AIOKafkaProducer

        more: dict[str, Any] = {}
        if self.transactional:
            more["transactional_id"] = self.properties.get("transactional.id") or f"batuta-{ids.random_id()}"
        count = 0
        async with (
            client(self.properties, AIOKafkaProducer, consumes=False, **more) as producer,
            AsyncExitStack() as stack,
        ):
            if self.transactional:
                await stack.enter_async_context(producer.transaction())
            pending = []
            async for each in messages_of(ctx, self.from_):
                record = self.record(each)
                pending.append(await producer.send(**msgspec.structs.asdict(record)))
                count += 1
                if len(pending) >= 1_000:
                    await _confirmed(pending)
            await _confirmed(pending)
        ctx.metrics.count("records", count)
        return self.Output(messages_count=count)

    def record(self, given: Any) -> Record:
        """What is sent for an item of `from`.

        Raises:
            TaskError: it names no topic, or does not fit the serializers.
        """
        if not isinstance(given, dict) or "value" not in given:
            given = {"value": given}
        topic = given.get("topic") or self.topic
        if not topic:
            raise TaskError("a record has no topic", mend="set `topic`")
        headers = [(str(name), str(value).encode()) for name, value in (given.get("headers") or {}).items()]
        return Record(
            topic=str(topic),
            value=written(self.value_serializer, given["value"]),
            key=written(self.key_serializer, given.get("key")),
            partition=given.get("partition"),
            timestamp_ms=_millis(given.get("timestamp")),
            headers=headers or None,
        )


async def _confirmed(pending: list[Any]) -> None:
    for each in pending:
        await each
    pending.clear()


def _millis(given: Any) -> int | None:
    if given is None or isinstance(given, int):
        return given
    at = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    return round(at.timestamp() * 1000)

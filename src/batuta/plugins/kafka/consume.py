"""Records of topics: as a file, looked for by a trigger, and as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugin.trigger import Feed, Found, Inputs, PollingTrigger, RealtimeTrigger, TriggerContext
from batuta.plugins.kafka.connection import Properties, SerdeProperties, client
from batuta.plugins.kafka.serdes import Serde, read
from batuta.plugins.messages import Limits, MaxDuration, MaxRecords, RowFile, instant

CONFIRM_SECONDS = 10.0
WAIT_MS = 5_000
"""How long one request for records stays open."""

Topic = Annotated[Any, Meta(description="A topic, or a list of them.")]
TopicPattern = Annotated[str | None, Meta(description="Pattern of topics; needs a `groupId`.")]
Partitions = Annotated[list[int] | None, Meta(description="Only these partitions of the topics.")]
GroupId = Annotated[str | None, Meta(description="Group of consumers: where it was, it goes on.")]
Deserializer = Annotated[Serde, Meta(description="How it is written.")]
Since = Annotated[str | None, Meta(description="Only records from this instant on.")]
PollDuration = Annotated[timedelta, Meta(description="How long to wait for records.")]
HeaderFilters = Annotated[dict[str, str], Meta(description="Only records with these headers.")]
OnSerdeError = Annotated[
    dict[str, Any] | None,
    Meta(description="`type: SKIPPED` leaves out records that cannot be read; `STORE` gives them as base64."),
]


class Received(task.Output, frozen=True):
    """A record, as executions see it."""

    key: Any
    value: Any
    topic: str
    headers: dict[str, str]
    partition: int
    timestamp: datetime
    offset: int

    keep_none = frozenset({"key", "value"})


class Consumed(task.Output, frozen=True):
    """What was received."""

    messages_count: Annotated[int, Meta(description="Records that were received.")]
    uri: Annotated[str, Meta(description="URI of a row file of them.")]


@plugin("io.kestra.plugin.kafka.Consume")
class Consume(RunnableTask):
    """Receive records of topics and store them as a row file.

    It stops at `maxRecords` or `maxDuration`, or once no record comes within `pollDuration`. With a `groupId`
    the group's place is moved when the file is stored.

    ```yaml
    id: receive
    type: io.kestra.plugin.kafka.Consume
    properties:
      bootstrap.servers: localhost:9092
      auto.offset.reset: earliest
    topic: orders
    groupId: reports
    valueDeserializer: JSON
    maxRecords: 1000
    ```
    """

    extra = "kafka"
    Output = Consumed

    properties: Properties
    topic: Topic = None
    topic_pattern: TopicPattern = None
    partitions: Partitions = None
    group_id: GroupId = None
    key_deserializer: Deserializer = Serde.STRING
    value_deserializer: Deserializer = Serde.STRING
    serde_properties: SerdeProperties = {}
    since: Since = None
    poll_duration: PollDuration = timedelta(seconds=5)
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    header_filters: HeaderFilters = {}
    on_serde_error: OnSerdeError = None

    async def run(self, ctx: RunContext) -> Consumed:
        """Receive."""
        async with reader(self) as consumer:
            rows = RowFile(ctx)
            places: dict[Any, int] = {}
            async for record in received(consumer, self, ctx, places):
                rows.add(plain_outputs(record))
            uri = await rows.stored()
            if self.group_id and places:
                await confirm(consumer, places)
        ctx.metrics.count("records", rows.count)
        return Consumed(messages_count=rows.count, uri=uri)


@plugin("io.kestra.plugin.kafka.Trigger")
class Trigger(PollingTrigger):
    """Look for records every now and then, and start the flow with all that there are.

    The group's place is moved once the execution exists; what comes again is known by its offset.

    ```yaml
    id: orders
    type: io.kestra.plugin.kafka.Trigger
    properties:
      bootstrap.servers: localhost:9092
    topic: orders
    groupId: reports
    interval: PT30S
    maxRecords: 100
    ```
    """

    extra = "kafka"

    properties: Properties
    group_id: Annotated[str, Meta(min_length=1, description="Group of consumers: where it was, it goes on.")]
    topic: Topic = None
    topic_pattern: TopicPattern = None
    partitions: Partitions = None
    key_deserializer: Deserializer = Serde.STRING
    value_deserializer: Deserializer = Serde.STRING
    serde_properties: SerdeProperties = {}
    since: Since = None
    poll_duration: PollDuration = timedelta(seconds=5)
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    header_filters: HeaderFilters = {}
    on_serde_error: OnSerdeError = None
    inputs: Inputs = None

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Receive what there is."""
        async with AsyncExitStack() as stack:
            consumer = await stack.enter_async_context(reader(self))
            rows = RowFile(ctx)
            places: dict[Any, int] = {}
            known: list[str] = []
            async for record in received(consumer, self, ctx, places):
                name = occasion(record)
                if await ctx.unseen([name]):
                    known.append(name)
                    rows.add(plain_outputs(record))
            uri = await rows.stored()
            if not known:
                if places:
                    await confirm(consumer, places)
                return None
            kept = stack.pop_all()
        return Found(
            variables=Consumed(messages_count=rows.count, uri=uri),
            occasions=tuple(known),
            settle=lambda: confirm(consumer, places),
            release=kept.aclose,
        )


@plugin("io.kestra.plugin.kafka.RealtimeTrigger")
class Realtime(RealtimeTrigger):
    """Start an execution for each record of topics, as soon as it comes.

    The execution sees `trigger.key`, `trigger.value`, `trigger.topic`, `trigger.headers`,
    `trigger.partition`, `trigger.offset` and `trigger.timestamp`. The place of the group moves
    once the execution exists; a record that comes again is known by its offset: none is lost or doubled.

    ```yaml
    id: orders
    type: io.kestra.plugin.kafka.RealtimeTrigger
    properties:
      bootstrap.servers: localhost:9092
    topic: orders
    groupId: reports
    valueDeserializer: JSON
    ```
    """

    extra = "kafka"

    properties: Properties
    group_id: Annotated[str, Meta(min_length=1, description="Group of consumers: where it was, it goes on.")]
    topic: Topic = None
    topic_pattern: TopicPattern = None
    partitions: Partitions = None
    key_deserializer: Deserializer = Serde.STRING
    value_deserializer: Deserializer = Serde.STRING
    serde_properties: SerdeProperties = {}
    since: Since = None
    poll_duration: PollDuration = timedelta(seconds=5)
    header_filters: HeaderFilters = {}
    on_serde_error: OnSerdeError = None
    inputs: Inputs = None

    async def listen(self, ctx: TriggerContext, feed: Feed) -> None:
        """Listen until cancelled."""
        async with reader(self) as consumer:
            await feed.opened()
            while True:
                batches = await consumer.getmany(timeout_ms=WAIT_MS)
                if not batches:
                    # The library waits in silence for a broker that is gone; asked for topics, it says so.
                    await consumer.topics()
                for partition, records in batches.items():
                    for each in records:
                        record = shown(ctx, self, each)
                        if record is not None:
                            await feed.emit(record, occasion=occasion(record))
                    await confirm(consumer, {partition: records[-1].offset + 1})


def reader(of: Any) -> Any:
    """A consumer of the topics that a task or trigger names.

    Raises:
        TaskError: it names none, or a pattern without a group.
    """
    from aiokafka import AIOKafkaConsumer

    topics = (
        [str(each) for each in of.topic] if isinstance(of.topic, list) else [of.topic] if of.topic else []
    )
    if not topics and not of.topic_pattern:
        raise TaskError("no topic is named", mend="set `topic` or `topicPattern`")
    if of.topic_pattern and not of.group_id:
        raise TaskError("`topicPattern` needs a `groupId`")

    def make(**given: Any) -> Any:
        consumer = AIOKafkaConsumer(**given)
        if of.partitions is None:
            pattern = of.topic_pattern
            consumer.subscribe(topics=() if pattern else topics, pattern=pattern)
        else:
            consumer.assign(partitions_of(topics, of.partitions))
        return consumer

    return client(of.properties, make, consumes=True, group_id=of.group_id, enable_auto_commit=False)


async def confirm(consumer: Any, places: dict[Any, int]) -> None:
    """Move the place of the group.

    Raises:
        TimeoutError: no broker has taken it; the library would wait for one without end.
    """
    async with asyncio.timeout(CONFIRM_SECONDS):
        await consumer.commit(places)


def partitions_of(topics: list[str], partitions: list[int]) -> list[Any]:
    """Partitions of topics, as the library names them."""
    from aiokafka import TopicPartition

    return [TopicPartition(topic, each) for topic in topics for each in partitions]


async def received(consumer: Any, of: Any, ctx: RunContext, places: dict[Any, int]) -> Any:
    """Records until it is enough; `places` gets where each partition goes on."""
    limits = Limits(of.max_records, of.max_duration)
    since = instant(of.since, "since")
    if since is not None:
        await _seek(consumer, since)
    count = 0
    while not limits.reached(count):
        wait = round(limits.seconds(of.poll_duration.total_seconds()) * 1000)
        found = await consumer.getmany(timeout_ms=max(wait, 1), max_records=limits.room(count, 500))
        if not found:
            return
        for partition, records in found.items():
            for each in records:
                places[partition] = each.offset + 1
                record = shown(ctx, of, each)
                if record is not None:
                    count += 1
                    yield record


async def _seek(consumer: Any, since: datetime) -> None:
    await consumer.getmany(timeout_ms=1)  # until then a group has no partitions
    millis = round(since.timestamp() * 1000)
    places = await consumer.offsets_for_times(dict.fromkeys(consumer.assignment(), millis))
    for partition, place in places.items():
        if place is None:
            await consumer.seek_to_end(partition)
        else:
            consumer.seek(partition, place.offset)


def shown(ctx: RunContext, of: Any, record: Any) -> Received | None:
    """A record of the library as ours; None for one that is left out.

    Raises:
        TaskError: it cannot be read, and nothing says what to do then.
    """
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers or ()}
    if any(headers.get(name) != value for name, value in of.header_filters.items()):
        return None
    try:
        key = read(deserializer(of, "key"), record.key)
        value = read(deserializer(of, "value"), record.value)
    except TaskError as error:
        kind = (of.on_serde_error or {}).get("type")
        if kind is None:
            raise
        ctx.log.warn(f"{error.what} (topic {record.topic}, offset {record.offset})")
        if kind == "SKIPPED":
            return None
        key, value = read(Serde.BYTES, record.key), read(Serde.BYTES, record.value)
    return Received(
        key=key,
        value=value,
        topic=record.topic,
        headers=headers,
        partition=record.partition,
        timestamp=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        offset=record.offset,
    )


def deserializer(of: Any, part: str) -> Serde:
    """How keys or values are written: the property's own, or among `serdeProperties`."""
    given: Mapping[str, Any] = of.serde_properties
    written = given.get(f"{part}Deserializer")
    if written is None:
        own: Serde = getattr(of, f"{part}_deserializer")
        return own
    try:
        return Serde(str(written))
    except ValueError:
        raise TaskError(f"`{part}Deserializer` cannot be `{written}`") from None


def occasion(record: Received) -> str:
    """What a record is known by. The instant tells it from one of a topic that was made anew."""
    return f"{record.topic}:{record.partition}:{record.offset}:{record.timestamp.timestamp():.3f}"

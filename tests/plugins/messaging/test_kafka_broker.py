"""Kafka at a real broker: tasks, polling and realtime triggers, and brokers that are killed."""

from __future__ import annotations

import asyncio

import pytest

from batuta.model.state import State
from batuta.plugins.rows import read_rows
from tests.plugins.messaging.conftest import KEY, program_in
from tests.support.services.kafka import KafkaBroker, classes

REALTIME = "kafka.RealtimeTrigger"
POLLING = "kafka.Trigger"

pytestmark = [
    pytest.mark.skipif(not classes(), reason="no Kafka broker could be fetched: Java or Maven is missing"),
    pytest.mark.timeout(180),
]


@pytest.fixture
async def broker(tmp_path):
    broker = KafkaBroker(tmp_path / "kafka")
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
def send(shop, broker):
    """Send records with the task of this plugin."""

    async def send(*records, **properties):
        done = await shop.run(
            {
                "type": "io.kestra.plugin.kafka.Produce",
                "properties": {"bootstrap.servers": broker.address},
                "topic": "orders",
                "valueSerializer": "JSON",
                "from": list(records),
                **properties,
            }
        )
        assert done.state is State.SUCCESS, await shop.log()
        return done.outputs

    return send


def trigger(broker, **more):
    lines = [
        "properties:",
        f'  bootstrap.servers: "{broker.address}"',
        "  auto.offset.reset: earliest",
        "  session.timeout.ms: 3000  # so that a listener which died makes way soon",
        "  heartbeat.interval.ms: 1000",
        "topic: orders",
        "groupId: batuta",
        "valueDeserializer: JSON",
    ]
    return "\n".join(lines + [f"{name}: {value}" for name, value in more.items()])


async def test_each_record_starts_an_execution_that_sees_it(batuta, broker, send):
    assert await send({"key": "a", "value": {"n": 1}, "headers": {"kind": "new"}}) == {"messagesCount": 1}
    await batuta.save(trigger(broker), REALTIME)
    [first] = await batuta.executions(1)
    await send({"key": "b", "value": {"n": 2}})

    second = next(each for each in await batuta.executions(2) if each.id != first.id)
    assert second.trigger.variables["value"] == {"n": 2}
    seen = first.trigger.variables
    assert (seen["key"], seen["value"], seen["topic"]) == ("a", {"n": 1}, "orders")
    assert seen["headers"] == {"kind": "new"}
    assert (seen["partition"], seen["offset"]) == (0, 0)
    assert seen["timestamp"].startswith("20")


async def test_a_broker_that_is_killed_makes_the_trigger_wait_and_nothing_is_lost_or_doubled(
    batuta, broker, send
):
    await batuta.save(trigger(broker), REALTIME)
    await send({"value": 1}, {"value": 2})
    await batuta.executions(2)

    await broker.kill()
    record = await batuta.waiting()
    assert "Kafka" in record.problem
    await broker.start()
    await send({"value": 3})

    assert await batuta.told(3, "value") == [1, 2, 3]
    await batuta.well()


async def test_what_was_committed_and_not_confirmed_starts_nothing_again(broker, send, tmp_path, monkeypatch):
    from aiokafka import AIOKafkaConsumer

    confirm = AIOKafkaConsumer.commit

    async def fails(self, *_):
        raise ConnectionError("the process dies here")

    monkeypatch.setattr(AIOKafkaConsumer, "commit", fails)
    async with program_in(tmp_path / "data") as first:
        await first.save(trigger(broker), REALTIME)
        await send({"value": 1})
        await first.executions(1)
        await first.waiting()
    monkeypatch.setattr(AIOKafkaConsumer, "commit", confirm)
    async with program_in(tmp_path / "data") as second:
        await send({"value": 2})
        assert await second.told(2, "value") == [1, 2]


async def test_records_sent_while_nobody_listens_are_received_once(batuta, broker, send):
    await batuta.save(trigger(broker), REALTIME)
    await send({"value": 1})
    await batuta.executions(1)
    await batuta.save(trigger(broker), REALTIME, disabled="true")

    async def is_stopped():
        return await batuta.store.triggers.job(KEY) is None

    await batuta.until(is_stopped)
    await send({"value": 2}, {"value": 3})
    await batuta.save(trigger(broker), REALTIME)

    assert await batuta.told(3, "value") == [1, 2, 3]


async def test_a_look_gives_all_records_as_a_file_and_the_next_one_goes_on(batuta, broker, send, tmp_path):
    await send(*({"value": number} for number in range(5)))
    await batuta.save(trigger(broker, interval="PT1S", pollDuration="PT1S"), POLLING)
    [first] = await batuta.executions(1)
    await send({"value": 5})
    second = next(each for each in await batuta.executions(2) if each.id != first.id)

    async def values(execution):
        return values_in(await batuta.ports.storage.read(execution.trigger.variables["uri"]), tmp_path)

    assert first.trigger.variables["messagesCount"] == 5
    assert (await values(first), await values(second)) == ([0, 1, 2, 3, 4], [5])


def values_in(content, folder):
    """The values of a row file."""
    path = folder / "rows.ion"
    path.write_bytes(content)
    return [row["value"] for row in read_rows(path)]


def consume(broker, **more):
    return {
        "type": "io.kestra.plugin.kafka.Consume",
        "properties": {"bootstrap.servers": broker.address, "auto.offset.reset": "earliest"},
        "topic": "orders",
        "valueDeserializer": "JSON",
        "pollDuration": "PT2S",
        **more,
    }


async def test_a_task_receives_what_another_one_sent(shop, broker, send, tmp_path):
    async def received(**more):
        done = await shop.run(consume(broker, **more))
        assert done.state is State.SUCCESS, await shop.log()
        return values_in(await shop.content(done.outputs["uri"]), tmp_path)

    await send({"value": 1, "headers": {"kind": "old"}, "timestamp": "2026-01-01T00:00:00Z"})
    await send({"value": 2, "headers": {"kind": "new"}, "timestamp": "2026-02-01T00:00:00Z"}, {"value": 3})

    assert await received() == [1, 2, 3]
    assert await received(since="2026-01-15T00:00:00Z") == [2, 3]
    assert await received(headerFilters={"kind": "new"}) == [2]
    assert await received(partitions=[0], maxRecords=1) == [1]
    assert await received(topic=None, topicPattern="ord.*", groupId="readers") == [1, 2, 3]
    assert await received(groupId="readers") == []
    assert await received(groupId="few", maxRecords=2) == [1, 2]
    assert await received(groupId="few") == [3]


@pytest.mark.parametrize("transactional", [True, False])
async def test_records_that_cannot_be_written_are_not_sent(shop, broker, send, transactional):
    await send({"value": 0})
    document = {
        "type": "io.kestra.plugin.kafka.Produce",
        "properties": {"bootstrap.servers": broker.address},
        "topic": "orders",
        "valueSerializer": "INTEGER",
        "transactional": transactional,
        "from": [{"value": 1}, {"value": "many"}],
    }
    failed = await shop.run(document)
    assert failed.state is State.FAILED
    assert "cannot be written as INTEGER" in "\n".join(await shop.log())

    reading = consume(broker, valueDeserializer="BYTES")
    reading["properties"]["isolation.level"] = "read_committed"
    done = await shop.run(reading)
    assert done.outputs["messagesCount"] == (1 if transactional else 2)


async def test_two_servers_of_one_group_share_the_records(broker, send, tmp_path):
    async with program_in(tmp_path / "one") as one, program_in(tmp_path / "two") as two:
        await one.save(trigger(broker), REALTIME)
        await two.save(trigger(broker), REALTIME)
        await send(*({"value": number} for number in range(20)))

        async def all_are_there():
            return len(await one.present()) + len(await two.present()) == 20

        await asyncio.gather(one.until(all_are_there), two.until(all_are_there))
        values = [each.trigger.variables["value"] for each in (*await one.present(), *await two.present())]
    assert sorted(values) == list(range(20))

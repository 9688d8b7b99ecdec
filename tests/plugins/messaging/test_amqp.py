"""AMQP: tasks, polling and realtime triggers at a real RabbitMQ."""

from __future__ import annotations

import asyncio

import pytest

from batuta.ids import random_id
from batuta.model.state import State
from batuta.plugins.amqp import connection
from batuta.plugins.rows import read_rows
from tests.plugins.messaging.conftest import program_in
from tests.support.services.amqp import AmqpBroker

REALTIME = "amqp.RealtimeTrigger"
POLLING = "amqp.Trigger"
AMQP = "io.kestra.plugin.amqp."


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """One for all tests: it takes its time to start."""
    broker = AmqpBroker(tmp_path_factory.mktemp("amqp"))
    asyncio.run(broker.start())
    yield broker
    asyncio.run(broker.stop())


@pytest.fixture
def queue():
    """A name that no other test uses."""
    return f"orders-{random_id()}"


@pytest.fixture
def on(shop, broker):
    """Runs a task at the broker."""

    async def run(type, **properties):
        return await shop.run({"type": AMQP + type, "host": "127.0.0.1", "port": broker.port, **properties})

    return run


@pytest.fixture
async def publish(on, queue):
    await on("CreateQueue", name=queue)

    async def send(*messages):
        outcome = await on("Publish", exchange="", routingKey=queue, **{"from": list(messages)})
        assert outcome.state is State.SUCCESS

    return send


@pytest.fixture
def trigger(broker, queue):
    """Properties of a trigger for the queue."""

    def written(**more):
        lines = ["host: 127.0.0.1", f"port: {broker.port}", f"queue: {queue}"]
        return "\n".join(lines + [f"{name}: {value}" for name, value in more.items()])

    return written


async def test_messages_of_a_queue_start_executions_also_after_the_broker_was_killed(
    batuta, broker, publish, trigger
):
    await publish({"data": "1", "headers": {"x": "y"}, "contentType": "text/plain", "messageId": "m1"})
    await batuta.save(trigger(), REALTIME)
    [first] = await batuta.executions(1)
    told = first.trigger.variables
    assert (told["data"], told["headers"], told["contentType"]) == ("1", {"x": "y"}, "text/plain")
    assert told["messageId"] == "m1"

    await broker.kill()
    record = await batuta.waiting()
    assert "AMQP" in record.problem
    await broker.start()
    await publish({"data": "2", "messageId": "m2"})
    assert await batuta.told(2, "data") == ["1", "2"]
    await batuta.well()


async def test_a_broker_that_hangs_makes_the_trigger_wait(batuta, broker, publish, trigger, monkeypatch):
    monkeypatch.setattr(connection, "HEARTBEAT_SECONDS", 1)
    await publish("1")
    await batuta.save(trigger(), REALTIME)
    await batuta.executions(1)

    broker.freeze()
    await batuta.waiting()
    broker.thaw()
    await publish("2")

    assert await batuta.told(2, "data") == ["1", "2"]
    await batuta.well()


async def test_a_message_that_was_committed_and_not_acknowledged_starts_nothing_again(
    publish, trigger, tmp_path, monkeypatch
):
    from aio_pika.message import IncomingMessage

    acknowledged = IncomingMessage.ack

    async def fails(self, multiple=False):
        raise ConnectionError("the process dies here")

    monkeypatch.setattr(IncomingMessage, "ack", fails)
    await publish({"data": "1", "messageId": "m1"})
    async with program_in(tmp_path / "data") as first:
        await first.save(trigger(), REALTIME)
        await first.executions(1)
    monkeypatch.setattr(IncomingMessage, "ack", acknowledged)
    async with program_in(tmp_path / "data") as second:
        await publish({"data": "2", "messageId": "m1"})  # another message, of the same id
        assert await second.told(2, "data") == ["1", "2"]


async def test_looks_start_the_flow_with_all_messages_that_there_are(batuta, publish, trigger):
    await publish("1", "2", "3")
    await batuta.save(trigger(interval="PT1S", maxRecords=2), POLLING)
    found = await batuta.executions(2)
    assert [each.trigger.variables["count"] for each in found] == [2, 1]


async def test_what_is_published_through_an_exchange_is_consumed(shop, on, tmp_path):
    await on("CreateQueue", name="new")
    await on("DeclareExchange", name="x", exchangeType="TOPIC")
    await on("QueueBind", exchange="x", queue="new", routingKey="a.*")
    sent = await on(
        "Publish",
        exchange="x",
        routingKey="a.b",
        serdeType="JSON",
        **{"from": [{"data": {"n": 1}, "timestamp": "2023-01-09T08:46:33Z", "expiration": "PT1M"}, {"n": 2}]},
    )
    assert sent.outputs == {"messagesCount": 2}
    got = await on("Consume", queue="new", serdeType="JSON")
    assert got.outputs["count"] == 2
    path = tmp_path / "rows.ion"
    path.write_bytes(await shop.content(got.outputs["uri"]))
    first, second = read_rows(path)
    assert (first["data"], first["expiration"], second["data"]) == ({"n": 1}, "PT1M", {"n": 2})
    assert (await on("Consume", queue="new")).outputs["count"] == 0
    assert (await on("Consume", queue="none")).state is State.FAILED
    assert "no queue 'none'" in "\n".join(await shop.log())


async def test_a_broker_that_is_not_there_fails_a_task_with_its_address(shop):
    document = {"type": AMQP + "Publish", "host": "127.0.0.1", "port": 1, "exchange": "", "from": "x"}
    assert (await shop.run(document)).state is State.FAILED
    assert "AMQP at 127.0.0.1:1 cannot be reached" in "\n".join(await shop.log())

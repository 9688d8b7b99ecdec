"""MQTT: tasks, polling and realtime triggers at a real broker."""

from __future__ import annotations

import pytest

from batuta.model.state import State
from batuta.plugins.rows import read_rows
from tests.support.services.mqtt import MqttBroker

REALTIME = "mqtt.RealtimeTrigger"
POLLING = "mqtt.Trigger"
MQTT = "io.kestra.plugin.mqtt."


@pytest.fixture
async def broker(tmp_path):
    broker = MqttBroker(tmp_path / "mqtt")
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
def publish(broker, shop):
    async def send(*values, **more):
        document = {
            "type": MQTT + "Publish",
            "server": broker.url,
            "clientId": "sender",
            "topic": "sensors/cpu",
            "from": list(values),
            **more,
        }
        outcome = await shop.run(document)
        assert outcome.outputs == {"messagesCount": len(values)}, await shop.log()

    return send


def trigger(broker, **more):
    lines = [f"server: {broker.url}", "clientId: listener", "topic: [sensors/cpu, sensors/mem]"]
    return "\n".join(lines + [f"{name}: {value}" for name, value in more.items()])


@pytest.mark.parametrize("version", ["V3", "V5"])
async def test_each_message_starts_an_execution_that_sees_it(batuta, broker, publish, version):
    await batuta.save(trigger(broker, mqttVersion=version), REALTIME)
    await batuta.listening()
    await batuta.until(lambda: subscribed(broker))
    await publish({"n": 1}, "two", mqttVersion=version)
    first, second = await batuta.executions(2)
    assert [each.trigger.variables["payload"] for each in (first, second)] == [{"n": 1}, "two"]
    assert first.trigger.variables["topic"] == "sensors/cpu"
    assert first.trigger.variables["qos"] == 1
    assert first.trigger.variables["retain"] is False


async def subscribed(broker):
    return b"listener" in (broker.folder / "server.log").read_bytes()


async def test_a_broker_that_is_killed_makes_the_trigger_wait_and_messages_go_on(batuta, broker, publish):
    await batuta.save(trigger(broker), REALTIME)
    await batuta.until(lambda: subscribed(broker))
    await publish("1")
    await batuta.executions(1)

    await broker.stop()
    record = await batuta.waiting()
    assert f"MQTT at 127.0.0.1:{broker.port} cannot be reached" in record.problem

    await broker.start()
    await publish("2")  # perhaps before the trigger is back: the broker keeps it for its client
    assert await batuta.told(2, "payload") == ["1", "2"]
    await batuta.well()


async def test_messages_sent_while_the_trigger_is_off_are_kept_for_it(batuta, broker, publish):
    await batuta.save(trigger(broker), REALTIME)
    await batuta.until(lambda: subscribed(broker))
    await publish("1")
    await batuta.executions(1)
    await batuta.save(trigger(broker), REALTIME, disabled="true")

    async def is_gone():
        return b"listener disconnected" in (broker.folder / "server.log").read_bytes().replace(
            b"Client ", b""
        )

    await batuta.until(is_gone)
    await publish("2", "3")
    await batuta.save(trigger(broker), REALTIME)
    assert await batuta.told(3, "payload") == ["1", "2", "3"]


async def test_looks_start_the_flow_with_all_messages_that_were_kept(batuta, broker, publish):
    await batuta.save(trigger(broker, interval="PT1S", maxDuration="PT0.5S"), POLLING)

    async def has_looked():
        record = await batuta.record()
        return record is not None and record.evaluated_at is not None

    await batuta.until(has_looked)
    await publish("1", "2")
    found = await batuta.until(batuta.present)
    counts = [each.trigger.variables["messagesCount"] for each in found]
    assert sum(counts) <= 2


async def test_what_is_published_is_subscribed_to(shop, broker, publish, tmp_path):
    document = {
        "type": MQTT + "Subscribe",
        "server": broker.url,
        "clientId": "reader",
        "topic": "sensors/+",
        "maxRecords": 2,
        "maxDuration": "PT0.3S",
    }
    assert (await shop.run(document)).outputs["messagesCount"] == 0
    await publish({"n": 1}, {"n": 2})
    got = await shop.run({**document, "maxDuration": "PT10S"})
    path = tmp_path / "rows.ion"
    path.write_bytes(await shop.content(got.outputs["uri"]))
    assert [row["payload"] for row in read_rows(path)] == [{"n": 1}, {"n": 2}]
    assert (await shop.run(document)).outputs["messagesCount"] == 0


async def test_a_broker_that_is_not_there_fails_a_task_with_its_address(shop):
    document = {
        "type": MQTT + "Publish",
        "server": "tcp://127.0.0.1:1",
        "clientId": "c",
        "topic": "t",
        "from": "x",
    }
    assert (await shop.run(document)).state is State.FAILED
    assert "MQTT at 127.0.0.1:1 cannot be reached" in "\n".join(await shop.log())

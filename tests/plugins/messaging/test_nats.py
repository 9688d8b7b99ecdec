"""NATS: tasks, polling and realtime triggers at a real server, with and without JetStream."""

from __future__ import annotations

import asyncio

import nats
import pytest

from batuta.bus.port import TriggersChanged
from batuta.firing import changes
from batuta.model.state import State
from batuta.plugins.nats import connection
from batuta.plugins.rows import read_rows
from tests.plugins.messaging.conftest import KEY, program_in
from tests.support.services.nats import NatsServer

REALTIME = "nats.core.RealtimeTrigger"
POLLING = "nats.core.Trigger"


@pytest.fixture
async def server(tmp_path):
    server = NatsServer(tmp_path / "nats")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def orders(server):
    """A stream of the subjects `orders.*`, and a way to send to it."""
    client = await nats.connect(
        server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=ignored
    )
    await client.jetstream().add_stream(name="orders", subjects=["orders.*"])

    async def send(*texts):
        for text in texts:
            await client.jetstream().publish("orders.new", text.encode(), headers={"kind": "test"})

    yield send
    await client.close()


async def ignored(_):
    pass


def trigger(server, **more):
    lines = [f"url: {server.url}", "subject: orders.new", "durableId: batuta"]
    return "\n".join(lines + [f"{name}: {value}" for name, value in more.items()])


async def test_each_message_starts_an_execution_that_sees_it(batuta, server, orders):
    await orders("before")
    await batuta.save(trigger(server), REALTIME)
    await batuta.executions(1)
    await orders("after")
    assert await batuta.told(2, "data") == ["after", "before"]
    first = (await batuta.present())[0].trigger
    assert first.variables["subject"] == "orders.new"
    assert first.variables["headers"] == {"kind": ["test"]}
    assert first.variables["timestamp"].startswith("20")


async def test_messages_sent_while_nobody_listens_are_received_once(batuta, server, orders, tmp_path):
    await batuta.save(trigger(server), REALTIME)
    await orders("1")
    await batuta.executions(1)
    await batuta.save(trigger(server), REALTIME, disabled="true")

    async def is_stopped():
        return await batuta.store.triggers.job(KEY) is None

    await batuta.until(is_stopped)
    await orders("2", "3")
    await batuta.save(trigger(server), REALTIME)
    assert await batuta.told(3, "data") == ["1", "2", "3"]


async def test_a_server_that_is_killed_makes_the_trigger_wait_and_nothing_is_lost_or_doubled(
    batuta, server, orders
):
    await batuta.save(trigger(server), REALTIME)
    await orders("1", "2")
    await batuta.executions(2)

    await server.kill()
    record = await batuta.waiting()
    assert "NATS" in record.problem

    await server.start()
    await batuta.well()
    await orders("3")
    assert await batuta.told(3, "data") == ["1", "2", "3"]
    assert all(each.state.current is not State.FAILED for each in await batuta.present())
    log = await batuta.trigger_log()
    assert any("cannot listen and waits" in line for line in log)
    assert any("listens again" in line for line in log)


async def test_a_server_that_hangs_makes_the_trigger_wait(batuta, server, orders, monkeypatch):
    monkeypatch.setattr(connection, "PING_SECONDS", 1)
    await batuta.save(trigger(server), REALTIME)
    await orders("1")
    await batuta.executions(1)

    server.freeze()
    await batuta.waiting()
    server.thaw()
    await orders("2")

    assert await batuta.told(2, "data") == ["1", "2"]
    await batuta.well()


async def test_a_message_that_was_committed_and_not_acknowledged_starts_nothing_again(
    server, orders, tmp_path, monkeypatch
):
    import nats.aio.msg

    acknowledged = nats.aio.msg.Msg.ack

    async def fails(self):
        raise ConnectionError("the process dies here")

    monkeypatch.setattr(nats.aio.msg.Msg, "ack", fails)
    async with program_in(tmp_path / "data") as first:
        await first.save(trigger(server), REALTIME)
        await orders("1")
        await first.executions(1)
        await first.waiting()
    monkeypatch.setattr(nats.aio.msg.Msg, "ack", acknowledged)
    client = await nats.connect(server.url)
    await client.jetstream().delete_consumer("orders", "batuta")  # the next one is given everything anew
    await client.close()
    async with program_in(tmp_path / "data") as second:
        await orders("2")
        assert await second.told(2, "data") == ["1", "2"]


async def test_a_changed_trigger_goes_on_listening_and_executions_are_of_the_newest_revision(
    batuta, server, orders
):
    await batuta.save(trigger(server), REALTIME)
    await orders("1")
    await batuta.executions(1)
    await batuta.save(trigger(server), REALTIME, labels="{a: b}")

    async def is_read():
        return (await batuta.record()).revision == 2

    await batuta.until(is_read)
    await orders("2")
    first, second = await batuta.executions(2)
    assert (first.revision, second.revision) == (1, 2)


async def test_stop_after_ends_the_listening_and_a_restart_takes_it_up_again(batuta, server, orders):
    await batuta.save(trigger(server), REALTIME, stopAfter="[SUCCESS]")
    await orders("1")
    await batuta.executions(1)

    async def is_off():
        record = await batuta.record()
        return record if record.disabled and await batuta.store.triggers.job(KEY) is None else None

    record = await batuta.until(is_off)
    await orders("2")
    again = changes.restarted(record, now=batuta.ports.clock.now())
    await batuta.store.commit(changes.written(record, again))
    await batuta.ports.bus.publish(TriggersChanged())
    await batuta.executions(2)


async def test_without_a_stream_what_passes_by_is_received(batuta, server):
    await batuta.save(f"url: {server.url}\nsubject: plain.>", REALTIME)
    client = await nats.connect(server.url)

    async def has_arrived():
        await client.publish("plain.x", b"hello")
        return await batuta.present()

    await batuta.until(has_arrived)
    await client.close()
    assert (await batuta.present())[0].trigger.variables["data"] == "hello"


async def test_a_wrong_setting_is_an_execution_that_failed_once(batuta, server):
    await batuta.save(f"url: {server.url}\nsubject: orders.new\nsince: yesterday", REALTIME)
    [execution] = await batuta.executions(1)
    assert execution.state.current is State.FAILED


async def test_looks_start_the_flow_with_all_messages_that_there_are(batuta, server, orders):
    await orders("1", "2", "3")
    await batuta.save(trigger(server, interval="PT1S", maxRecords=2, pollDuration="PT0.2S"), POLLING)
    first, second = await batuta.executions(2)
    assert [each.trigger.variables["messagesCount"] for each in (first, second)] == [2, 1]
    path = batuta.ports.storage
    content = await path.read(first.trigger.variables["uri"])
    assert b"orders.new" in content


async def test_a_look_that_is_not_acknowledged_starts_nothing_again(batuta, server, orders, monkeypatch):
    import nats.aio.msg

    acknowledged = nats.aio.msg.Msg.ack
    failures = []

    async def fails(self):
        failures.append(self.data)
        raise ConnectionError("cut off")

    monkeypatch.setattr(nats.aio.msg.Msg, "ack", fails)
    client = await nats.connect(server.url)
    await client.jetstream().add_consumer(
        "orders", durable_name="batuta", ack_wait=1, ack_policy="explicit", filter_subject="orders.new"
    )
    await client.close()
    await orders("1")
    await batuta.save(trigger(server, interval="PT1S", pollDuration="PT0.2S"), POLLING)
    await batuta.executions(1)
    await batuta.until(lambda: is_true(failures))
    monkeypatch.setattr(nats.aio.msg.Msg, "ack", acknowledged)
    await orders("2")
    _, second = await batuta.executions(2)
    await asyncio.sleep(1.5)  # longer than the server waits for the acknowledgement
    assert second.trigger.variables["messagesCount"] == 1
    assert len(await batuta.present()) == 2


async def is_true(value):
    return bool(value)


async def test_what_is_produced_is_consumed(shop, server, orders, tmp_path):
    sent = await shop.run(
        {
            "type": "io.kestra.plugin.nats.core.Produce",
            "url": server.url,
            "subject": "orders.new",
            "from": [{"data": "a", "headers": {"x": 1}}, {"data": {"n": 2}}],
        }
    )
    assert sent.outputs == {"messagesCount": 2}
    got = await shop.run(
        {
            "type": "io.kestra.plugin.nats.Consume",
            "url": f"127.0.0.1:{server.port}",
            "subject": "orders.new",
            "durableId": "c",
            "pollDuration": "PT0.2S",
        }
    )
    assert got.outputs["messagesCount"] == 2
    path = tmp_path / "rows.ion"
    path.write_bytes(await shop.content(got.outputs["uri"]))
    rows = list(read_rows(path))
    assert [(row["data"], row["headers"]) for row in rows] == [("a", {"x": ["1"]}), ('{"n":2}', {})]
    again = await shop.run(
        {
            "type": "io.kestra.plugin.nats.core.Consume",
            "url": server.url,
            "subject": "orders.new",
            "durableId": "c",
            "pollDuration": "PT0.2S",
        }
    )
    assert again.outputs["messagesCount"] == 0


async def test_a_request_gets_its_answer_and_says_who_does_not_answer(shop, server):
    client = await nats.connect(server.url)

    async def answer(message):
        await message.respond(b"re: " + message.data)

    await client.subscribe("ask", cb=answer)
    await client.flush()
    document = {
        "type": "io.kestra.plugin.nats.core.Request",
        "url": server.url,
        "subject": "ask",
        "from": "x",
    }
    assert (await shop.run(document)).outputs == {"response": "re: x"}
    await client.close()
    failed = await shop.run(document)
    assert failed.state is State.FAILED
    assert "nobody answers" in "\n".join(await shop.log())


async def test_keys_of_a_bucket(shop, server):
    at = {"url": server.url}
    kv = "io.kestra.plugin.nats.kv."
    made = await shop.run({"type": kv + "CreateBucket", "name": "prices", "historyPerKey": 3, **at})
    assert made.outputs["bucket"] == "prices"
    put = await shop.run(
        {"type": kv + "Put", "bucketName": "prices", "values": {"apple": "1", "pear": 2}, **at}
    )
    assert put.outputs == {"revisions": {"apple": 1, "pear": 2}}
    await shop.run({"type": kv + "Delete", "bucketName": "prices", "keys": ["pear"], **at})
    got = await shop.run({"type": kv + "Get", "bucketName": "prices", "keys": ["apple", "pear"], **at})
    assert got.outputs == {"output": {"apple": "1"}}
    missing = await shop.run({"type": kv + "Get", "bucketName": "none", "keys": ["a"], **at})
    assert missing.state is State.FAILED
    assert "there is no bucket `none`" in "\n".join(await shop.log())


async def test_a_server_that_is_not_there_fails_a_task_with_its_address(shop):
    document = {
        "type": "io.kestra.plugin.nats.core.Produce",
        "url": "nats://user:word@127.0.0.1:1",
        "subject": "a",
        "from": "x",
    }
    assert (await shop.run(document)).state is State.FAILED
    text = "\n".join(await shop.log())
    assert "NATS at nats://127.0.0.1:1 cannot be reached" in text
    assert "word" not in text

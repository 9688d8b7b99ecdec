"""Redis: keys, lists and channels, polling and realtime triggers at a real server."""

from __future__ import annotations

import pytest
import redis.asyncio
import redis.asyncio.client

from batuta.model.state import State
from batuta.plugins.redis.handover import Handover
from batuta.plugins.rows import read_rows
from tests.plugins.messaging.conftest import program_in
from tests.support.services.redis import RedisServer

REALTIME = "redis.list.RealtimeTrigger"
POLLING = "redis.list.Trigger"
REDIS = "io.kestra.plugin.redis."


@pytest.fixture
async def server(tmp_path):
    server = RedisServer(tmp_path / "redis")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def push(server):
    """A way to put elements at the end of the list `queue`."""

    async def send(*values):
        client = redis.asyncio.Redis.from_url(server.url)
        await client.rpush("queue", *values)
        await client.aclose()

    return send


async def keys_of(server):
    client = redis.asyncio.Redis.from_url(server.url)
    found = sorted(key.decode() for key in await client.keys("*"))
    await client.aclose()
    return found


def trigger(server, **more):
    lines = [f"url: {server.url}", "key: queue"]
    return "\n".join(lines + [f"{name}: {value}" for name, value in more.items()])


async def test_each_element_starts_an_execution_that_sees_it(batuta, server, push):
    await push("1")
    await batuta.save(trigger(server, serdeType="JSON"), REALTIME)
    await batuta.executions(1)
    await push('{"a": 2}')
    values = [each.trigger.variables["value"] for each in await batuta.executions(2)]
    assert values == [1, {"a": 2}]


async def test_an_element_that_is_no_json_is_passed_on_as_text(batuta, server, push):
    await push("not json")
    await batuta.save(trigger(server, serdeType="JSON"), REALTIME)
    assert await batuta.told(1, "value") == ["not json"]


async def test_a_server_that_is_killed_makes_the_trigger_wait_and_nothing_is_lost_or_doubled(
    batuta, server, push
):
    await batuta.save(trigger(server), REALTIME)
    await push("1", "2")
    await batuta.executions(2)

    await server.kill()
    record = await batuta.waiting()
    assert f"Redis at 127.0.0.1:{server.port} cannot be reached" in record.problem

    await server.start()
    await push("3")
    assert await batuta.told(3, "value") == ["1", "2", "3"]
    await batuta.well()


@pytest.mark.parametrize("type", [REALTIME, POLLING])
async def test_what_was_committed_and_not_settled_starts_nothing_again(
    server, push, tmp_path, monkeypatch, type
):
    settled = Handover.done

    async def fails(self):
        raise ConnectionError("the process dies here")

    monkeypatch.setattr(Handover, "done", fails)
    given = trigger(server, interval="PT1H") if type == POLLING else trigger(server)
    async with program_in(tmp_path / "data") as first:
        await push("1")
        await first.save(given, type)
        await first.executions(1)
    monkeypatch.setattr(Handover, "done", settled)
    async with program_in(tmp_path / "data") as second:
        await push("2")
        if type == POLLING:
            await second.save(given.replace("PT1H", "PT1S"), type)
        _, other = await second.executions(2)
    told = other.trigger.variables
    assert told.get("value", "2") == "2"
    assert told.get("count", 1) == 1


async def test_what_was_taken_and_not_committed_is_found_again(server, push, tmp_path):
    await push("1", "2")
    client = redis.asyncio.Redis.from_url(server.url)
    await Handover(client, "queue", "company.team.listen.each").take(2)
    await client.aclose()
    async with program_in(tmp_path / "data") as program:
        await program.save(trigger(server), REALTIME)
        assert await program.told(2, "value") == ["1", "2"]


async def test_looks_start_the_flow_with_all_elements_that_there_are(batuta, server, push):
    await push("1", "2", "3")
    await batuta.save(trigger(server, interval="PT1S", maxRecords=2), POLLING)
    found = await batuta.executions(2)
    assert [each.trigger.variables["count"] for each in found] == [2, 1]


async def test_a_look_at_a_server_that_is_down_waits_and_comes_back(batuta, server, push):
    await server.kill()
    await batuta.save(trigger(server, interval="PT1S"), POLLING)
    assert "cannot be reached" in (await batuta.waiting()).problem
    assert await batuta.present() == []
    await server.start()
    await push("1")
    await batuta.executions(1)
    assert (await batuta.record()).failing_since is None


async def test_keys(shop, server):
    at = {"url": server.url, "key": "k"}
    put = {"type": REDIS + "string.Set", "value": {"n": 1}, "serdeType": "JSON", **at}
    assert (await shop.run(put)).outputs == {}
    changed = await shop.run({**put, "value": 2, "get": True, "options": {"expirationDuration": "PT1H"}})
    assert changed.outputs == {"oldValue": {"n": 1}}
    assert (await shop.run({"type": REDIS + "Get", "serdeType": "JSON", **at})).outputs == {
        "data": 2,
        "key": "k",
    }
    assert 3500 < (await shop.run({"type": REDIS + "string.Ttl", **at})).outputs["ttl"] <= 3600
    assert (await shop.run({"type": REDIS + "string.Increment", "amount": 3, **at})).outputs == {"value": 5}
    assert (await shop.run({"type": REDIS + "string.Increment", "amount": 0.5, **at})).outputs == {
        "value": 5.5
    }
    gone = await shop.run({"type": REDIS + "string.Delete", "url": server.url, "keys": ["k", "none"]})
    assert gone.outputs == {"count": 1}
    missing = {"type": REDIS + "string.Get", "failedOnMissing": True, **at}
    assert (await shop.run(missing)).state is State.FAILED


async def test_lists_as_tasks_leave_nothing_behind(shop, server, tmp_path):
    pushed = await shop.run(
        {"type": REDIS + "list.ListPush", "url": server.url, "key": "l", "from": ["a", "b", "c"]}
    )
    assert pushed.outputs == {"count": 3}
    popped = await shop.run({"type": REDIS + "list.ListPop", "url": server.url, "key": "l", "maxRecords": 2})
    assert popped.outputs["count"] == 2
    path = tmp_path / "rows.ion"
    path.write_bytes(await shop.content(popped.outputs["uri"]))
    assert list(read_rows(path)) == ["c", "b"]
    assert await keys_of(server) == ["l"]


async def test_whoever_listens_to_a_channel_hears_what_is_published(shop, server):
    client = redis.asyncio.Redis.from_url(server.url)
    async with client.pubsub() as heard:
        await heard.subscribe("news")
        await heard.get_message(timeout=5)
        document = {
            "type": REDIS + "pubsub.Publish",
            "url": server.url,
            "channel": "news",
            "from": ["x", "y"],
        }
        assert (await shop.run(document)).outputs == {"count": 2}
        texts = [(await heard.get_message(timeout=5))["data"] for _ in range(2)]
    await client.aclose()
    assert texts == [b"x", b"y"]


async def test_a_command_that_the_server_does_not_know_is_told(shop, server):
    document = {"type": REDIS + "json.Set", "url": server.url, "key": "d", "value": {"a": 1}}
    outcome = await shop.run(document)
    if outcome.state is State.FAILED:  # a server without the JSON module
        assert "Redis refuses: unknown command" in "\n".join(await shop.log())
        return
    got = await shop.run({"type": REDIS + "json.Get", "url": server.url, "key": "d"})
    assert got.outputs == {"data": {"a": 1}, "key": "d"}

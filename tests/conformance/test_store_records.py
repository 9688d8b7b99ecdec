"""Logs, metrics and key-value entries."""

from __future__ import annotations

import pytest

from batuta.model.records import KvType, MetricKind
from batuta.model.task import LogLevel
from batuta.store.batch import Batch
from tests.conformance.samples import NOON, at, entry, line, metric


async def messages(store, execution_id="e1", **given):
    return [each.line.message for each in await store.logs.of_execution(execution_id, **given)]


async def test_lines_come_back_in_order_of_arrival(store):
    lines = [line("b", at=at(5)), line("a", at=at(1), level=LogLevel.WARN, thread="t", trigger_id="g")]
    lines.append(line("c\n\0ü\U0001f600", task_id=None, task_run_id=None, attempt=None))

    await store.commit(Batch(logs=[lines[0], line("other", execution_id="e2")]))
    await store.commit(Batch(logs=lines[1:]))

    found = await store.logs.of_execution("e1")
    assert [each.line for each in found] == lines
    assert [each.id for each in found] == sorted(each.id for each in found)


async def test_reading_goes_on_behind_the_last_line_seen(store):
    await store.commit(Batch(logs=[line(str(n)) for n in range(10)]))
    seen = await store.logs.of_execution("e1", limit=4)

    assert [each.line.message for each in seen] == ["0", "1", "2", "3"]
    assert await messages(store, after=seen[-1].id, limit=2) == ["4", "5"]
    assert await messages(store, after=seen[-1].id) == ["4", "5", "6", "7", "8", "9"]


async def test_a_line_written_after_a_deletion_is_behind_the_last_line_seen(store):
    await store.commit(Batch(logs=[line("old"), line("older")]))
    seen = (await store.logs.of_execution("e1"))[-1].id
    await store.logs.delete("e1")

    await store.commit(Batch(logs=[line("new")]))

    assert await messages(store, after=seen) == ["new"]


async def test_lines_are_picked_by_level_task_and_attempt(store):
    await store.commit(
        Batch(
            logs=[
                line("debug", level=LogLevel.DEBUG),
                line("error", level=LogLevel.ERROR),
                line("second", attempt=1),
                line("other", task_id="t2", task_run_id="run2"),
            ]
        )
    )

    assert await messages(store, least=LogLevel.INFO) == ["error", "second", "other"]
    assert await messages(store, task_run_id="run2") == ["other"]
    assert await messages(store, task_id="first", attempt=0) == ["debug", "error"]
    assert await store.logs.delete("e1", least=LogLevel.WARN) == 1
    assert await store.logs.delete("e1", task_id="first", attempt=1) == 1
    assert await messages(store) == ["debug", "other"]


async def test_metrics_come_back_in_order_of_arrival(store):
    written = [
        metric("b"),
        metric("a", kind=MetricKind.TIMER, value=0.25, tags={}),
        metric("c", task_run_id="run2"),
    ]
    await store.commit(Batch(metrics=[*written, metric(execution_id="e2")]))

    assert await store.metrics.of_execution("e1") == written
    assert await store.metrics.of_execution("e1", task_run_id="run2") == [written[2]]
    assert await store.metrics.of_execution("e1", task_id="nobody") == []


async def test_metrics_of_an_execution_can_be_removed(store):
    await store.commit(Batch(metrics=[metric(), metric(), metric(execution_id="e2")]))

    assert await store.metrics.delete("e1") == 2
    assert await store.metrics.of_execution("e1") == []
    assert len(await store.metrics.of_execution("e2")) == 1


@pytest.mark.parametrize("value", ["text", "", 12, 1.5, True, None, [1, {"a": "ü"}], {"k": {"n": [None]}}])
async def test_a_key_keeps_its_value(store, value):
    await store.kv.put(entry(value=value, type=KvType.JSON, description="what", expires_at=at(60)))

    assert await store.kv.get("company.team", "token") == entry(
        value=value, type=KvType.JSON, description="what", expires_at=at(60)
    )
    assert await store.kv.get("company", "token") is None


async def test_each_write_is_the_next_version_of_a_key(store):
    await store.kv.put(entry(value=1))
    await store.kv.put(entry(value=2, created_at=at(5), updated_at=at(5)))

    found = await store.kv.get("company.team", "token")
    assert (found.version, found.value, found.created_at, found.updated_at) == (2, 2, NOON, at(5))


async def test_a_living_key_is_not_overwritten_unless_wanted(store):
    assert await store.kv.put(entry(value=1, expires_at=at(10)), overwrite=False)
    assert not await store.kv.put(entry(value=2, updated_at=at(9)), overwrite=False)
    assert (await store.kv.get("company.team", "token")).value == 1

    assert await store.kv.put(entry(value=3, created_at=at(10), updated_at=at(10)), overwrite=False)

    found = await store.kv.get("company.team", "token")
    assert (found.value, found.version, found.created_at) == (3, 2, at(10))


async def test_keys_of_a_namespace_are_live_and_sorted(store):
    for key in ("b", "a_1", "a%2", "a", "gone"):
        await store.kv.put(entry(key, expires_at=at(1) if key == "gone" else None))
    await store.kv.put(entry("a", namespace="company.team.child"))

    names = [each.key for each in await store.kv.of_namespace("company.team", at(1))]
    assert names == ["a", "a%2", "a_1", "b"]
    assert [each.key for each in await store.kv.of_namespace("company.team", NOON, "a_")] == ["a_1"]
    assert [each.key for each in await store.kv.of_namespace("company.team", NOON, "g")] == ["gone"]


async def test_keys_are_deleted_one_by_one_or_when_their_time_is_over(store):
    await store.kv.put(entry("a"))
    await store.kv.put(entry("b", expires_at=at(1)))

    assert await store.kv.delete("company.team", "a")
    assert not await store.kv.delete("company.team", "a")
    assert await store.kv.purge(NOON) == 0
    assert await store.kv.purge(at(1)) == 1
    assert await store.kv.get("company.team", "b") is None

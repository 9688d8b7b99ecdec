"""Old data goes away: key-value entries and log lines (triggers-and-stores spec §A13.3, §A21)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from batuta.model.records import KvEntry, KvType, LogLine
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.store.batch import Batch
from batuta.store.port import Search

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


async def put(shop, namespace, key, *, at=NOW, lives=None):
    await shop.ports.store.kv.put(
        KvEntry(
            namespace=namespace,
            key=key,
            type=KvType.NUMBER,
            value=1,
            created_at=at,
            updated_at=at,
            expires_at=None if lives is None else at + lives,
        )
    )


async def kept(shop):
    return [(each.namespace, each.key, each.version) for each in await shop.ports.store.kv.versions()]


async def purged(shop, **properties):
    outcome = await shop.run({"type": "core.kv.PurgeKV", **properties})
    assert outcome.state is State.SUCCESS, await shop.log()
    return outcome.outputs["size"]


async def test_expired_keys_go_with_all_their_versions_and_others_stay(shop):
    await put(shop, "a", "old", at=NOW - DAY)
    await put(shop, "a", "old", at=NOW - DAY, lives=timedelta(hours=1))
    await put(shop, "a", "alive", lives=DAY)

    assert await purged(shop) == 1
    assert await kept(shop) == [("a", "alive", 1)]


@pytest.mark.parametrize(
    ("properties", "left"),
    [
        ({"namespaces": ["a"]}, [("ab", "k"), ("b", "k")]),
        ({"namespaces": ["a"], "includeChildNamespaces": False}, [("a.b", "k"), ("ab", "k"), ("b", "k")]),
        ({"namespacePattern": "a*"}, [("b", "k")]),
        ({"namespaces": ["a", "b"], "keyPattern": "x*"}, [("a", "k"), ("a.b", "k"), ("ab", "k"), ("b", "k")]),
        ({"keyPattern": "?"}, []),
    ],
)
async def test_namespaces_and_keys_are_chosen_by_name_and_glob(shop, properties, left):
    for namespace in ("a", "a.b", "ab", "b"):
        await put(shop, namespace, "k")

    size = await purged(shop, behavior={"type": "key", "expiredOnly": False}, **properties)

    assert [place[:2] for place in await kept(shop)] == left
    assert size == 4 - len(left)


async def test_only_the_newest_versions_are_kept(shop):
    for _ in range(4):
        await put(shop, "a", "k")
    await put(shop, "a", "single")

    assert await purged(shop, behavior={"type": "version", "keepAmount": 2}) == 2
    assert await kept(shop) == [("a", "k", 3), ("a", "k", 4), ("a", "single", 1)]


async def test_old_versions_go_but_never_the_last_one(shop):
    for days in (3, 2, 1):
        await put(shop, "a", "k", at=NOW - days * DAY)
    await put(shop, "a", "ancient", at=NOW - 9 * DAY)

    before = (NOW - 1.5 * DAY).isoformat()
    assert await purged(shop, behavior={"type": "version", "before": before}) == 2
    assert await kept(shop) == [("a", "ancient", 1), ("a", "k", 3)]


async def test_a_key_that_was_removed_goes_on_counting_its_versions(shop):
    await put(shop, "a", "k")
    await shop.ports.store.kv.delete("a", "k")
    await put(shop, "a", "k")

    assert await kept(shop) == [("a", "k", 1), ("a", "k", 2)]


async def test_contradictions_are_refused(shop):
    outcome = await shop.run({"type": "core.kv.PurgeKV", "namespaces": ["a"], "namespacePattern": "a*"})

    assert outcome.state is State.FAILED
    assert "`namespaces` and `namespacePattern` exclude each other" in (await shop.log())[0]


def line(message, *, at=NOW - DAY, namespace="a", flow="f", execution="e", level=LogLevel.INFO, **more):
    return LogLine(
        execution_id=execution, namespace=namespace, flow_id=flow, at=at, level=level, message=message, **more
    )


LINES = [
    line("plain"),
    line("error", level=LogLevel.ERROR),
    line("below", namespace="a.b"),
    line("neighbour", namespace="ab"),
    line("other flow", flow="g"),
    line("other execution", execution="x"),
    line("of a trigger", execution="", trigger_id="t"),
    line("older", at=NOW - 9 * DAY),
    line("younger", at=NOW + DAY),
]


@pytest.mark.parametrize(
    ("properties", "gone"),
    [
        ({}, {each.message for each in LINES} - {"younger"}),
        ({"namespace": "a"}, {each.message for each in LINES} - {"younger", "neighbour"}),
        ({"namespace": "a", "flowId": "g"}, {"other flow"}),
        ({"executionId": "x"}, {"other execution"}),
        ({"logLevels": ["ERROR", "WARN"]}, {"error"}),
        ({"startDate": (NOW - 2 * DAY).isoformat(), "namespace": "ab"}, {"neighbour"}),
        ({"endDate": (NOW - 5 * DAY).isoformat()}, {"older"}),
    ],
)
async def test_log_lines_are_chosen_by_place_level_and_time(shop, properties, gone):
    await shop.ports.store.commit(Batch(logs=list(LINES)))

    outcome = await shop.run({"type": "core.log.PurgeLogs", "endDate": NOW.isoformat(), **properties})

    found = await shop.ports.store.logs.search(Search(limit=100))
    left = {each.message for each in found.results if each.execution_id in ("e", "x", "")}
    assert outcome.outputs == {"count": len(gone)}, await shop.log()
    assert left == {each.message for each in LINES} - gone

"""Outputs that are used again (flow spec §4)."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from batuta.model.state import State

WRITE = {"id": "w", "type": "core.storage.Write", "content": "stable {{ inputs.x }}"}


async def outputs(shop, cache, document=WRITE, **inputs):
    attempt = shop.attempt(document, inputs={"x": "a", **inputs})
    attempt.inputs = replace(
        attempt.inputs, task=replace(attempt.inputs.task, common={"taskCache": cache} if cache else {})
    )
    outcome = await attempt.run()
    return outcome.outputs if outcome.state is State.SUCCESS else None


async def test_the_same_properties_give_the_same_outputs(shop):
    first = await outputs(shop, {"enabled": True})

    assert await outputs(shop, {"enabled": True}) == first
    assert await outputs(shop, {"enabled": True}, x="b") != first
    assert await outputs(shop, {"enabled": False}) != first
    assert await outputs(shop, None) != first


async def test_an_entry_grows_old(shop, monkeypatch):
    first = await outputs(shop, {"enabled": True, "ttl": "PT10M"})
    later = shop.ports.clock.now() + timedelta(minutes=11)
    monkeypatch.setattr(type(shop.ports.clock), "now", lambda self: later)

    assert await outputs(shop, {"enabled": True, "ttl": "PT10M"}) != first
    assert await outputs(shop, {"enabled": True}) is not None


async def test_a_failure_is_not_kept(shop):
    document = {"id": "s", "type": "core.storage.Size", "uri": "kestra:///company/team/nothing.txt"}

    assert await outputs(shop, {"enabled": True}, document) is None
    assert await outputs(shop, {"enabled": True}, document) is None


async def test_an_entry_that_nobody_can_read_is_as_good_as_none(shop):
    await outputs(shop, {"enabled": True})
    for path in shop.settings.data_dir.rglob("*.json"):
        path.write_text("{")

    assert await outputs(shop, {"enabled": True}) is not None


async def test_a_wrong_age_fails_the_task(shop):
    assert await outputs(shop, {"enabled": True, "ttl": "soon"}) is None

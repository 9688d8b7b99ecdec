"""Key-value tasks (triggers-and-stores spec A13.3)."""

from __future__ import annotations

import pytest

from batuta.model.records import KvType
from batuta.model.state import State


def set_(key, value, **more):
    return {"type": "core.kv.Set", "key": key, "value": value, **more}


async def entry(shop, key, namespace="company.team"):
    return await shop.ports.store.kv.get(namespace, key)


@pytest.mark.parametrize(
    ("value", "kv_type", "kind", "stored"),
    [
        ("123.45", "NUMBER", KvType.NUMBER, 123.45),
        ("True", "BOOLEAN", KvType.BOOLEAN, True),
        ("2023-05-02T01:02:03Z", "DATETIME", KvType.DATETIME, "2023-05-02T01:02:03Z"),
        ("2023-05-02", "DATE", KvType.DATE, "2023-05-02"),
        ("2023-05-02T01:02:03Z", "DATE", KvType.DATE, "2023-05-02"),
        ("P1DT5S", "DURATION", KvType.DURATION, "P1DT5S"),
        ('[{"some":"value"}]', "JSON", KvType.JSON, [{"some": "value"}]),
        ("123", "STRING", KvType.STRING, "123"),
        ("{{ inputs.number }}", "STRING", KvType.STRING, "12"),
        ("123", None, KvType.STRING, "123"),
        ("{{ inputs.number }}", None, KvType.NUMBER, 12),
        ("{{ inputs.doc }}", None, KvType.JSON, {"a": [1]}),
        ("{{ inputs.flag }}", None, KvType.BOOLEAN, True),
        ("x {{ inputs.number }}", None, KvType.STRING, "x 12"),
        ("PT1H", None, KvType.DURATION, "PT1H"),
        ({"a": "{{ inputs.number }}"}, "JSON", KvType.JSON, {"a": "12"}),
    ],
)
async def test_the_type_of_an_entry(shop, value, kv_type, kind, stored):
    task = set_("k", value) | ({"kvType": kv_type} if kv_type else {})

    outcome = await shop.run(task, inputs={"number": 12, "doc": {"a": [1]}, "flag": True})

    assert outcome.state is State.SUCCESS, await shop.log()
    found = await entry(shop, "k")
    assert (found.type, found.value) == (kind, stored)


async def test_a_value_that_does_not_fit_its_type_fails(shop):
    outcome = await shop.run(set_("k", "many", kvType="NUMBER"))

    assert outcome.state is State.FAILED
    assert await shop.log() == ["ERROR `many` is not a NUMBER value"]


@pytest.mark.parametrize("key", ["", "_x", "a b", "ä"])
async def test_a_key_that_is_none_fails(shop, key):
    outcome = await shop.run(set_(key, "x"))

    assert outcome.state is State.FAILED
    assert "Key must start with an alphanumeric character" in (await shop.log())[0]


async def test_an_entry_is_overwritten_unless_told_otherwise(shop):
    await shop.run(set_("k", "one"))
    await shop.run(set_("k", "two"))
    refused = await shop.run(set_("k", "three", overwrite=False))

    found = await entry(shop, "k")
    assert (found.value, found.version) == ("two", 2)
    assert refused.state is State.FAILED
    assert await shop.log() == [
        "ERROR Cannot set value for key 'k'. Key already exists and `overwrite` is set to `false`."
    ]


async def test_an_entry_can_live_for_a_time_and_be_described(shop):
    await shop.run(set_("k", "x", ttl="PT1H", kvDescription="for tests"))

    found = await entry(shop, "k")
    assert found.expires_at is not None
    assert found.description == "for tests"


async def test_a_flow_inherits_the_keys_of_the_namespaces_above(shop):
    await shop.run(set_("k", "above", namespace="company"))

    inherited = await shop.run({"type": "core.kv.Get", "key": "k"})
    exact = await shop.run({"type": "core.kv.Get", "key": "k", "namespace": "company.other"})

    assert (inherited.outputs, exact.outputs) == ({"value": "above"}, {})


async def test_a_missing_key_fails_where_that_is_asked_for(shop):
    outcome = await shop.run({"type": "core.kv.Get", "key": "none", "errorOnMissing": True})

    assert outcome.state is State.FAILED
    assert "No value found for key 'none' in namespace 'company.team'" in (await shop.log())[0]


async def test_keys_are_listed_by_prefix_without_those_above(shop):
    for key, namespace in (("a1", None), ("a2", None), ("b", None), ("a3", "company")):
        await shop.run(set_(key, "x") | ({"namespace": namespace} if namespace else {}))

    outcome = await shop.run({"type": "core.kv.GetKeys", "prefix": "a"})

    assert outcome.outputs == {"keys": ["a1", "a2"]}


async def test_a_key_is_removed(shop):
    await shop.run(set_("k", "x"))

    first = await shop.run({"type": "core.kv.Delete", "key": "k"})
    second = await shop.run({"type": "core.kv.Delete", "key": "k"})
    third = await shop.run({"type": "core.kv.Delete", "key": "k", "errorOnMissing": True})

    assert (first.outputs, second.outputs, third.state) == (
        {"deleted": True},
        {"deleted": False},
        State.FAILED,
    )


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({"a": {"b": 1}, "c": 2}, {"a": {"d": 3}}, {"a": {"b": 1, "d": 3}, "c": 2}),
        (
            {"a": {"b": 1}},
            [{"key": "a.b", "value": 2}, {"key": "x", "value": [1]}],
            {"a": {"b": 2}, "x": [1]},
        ),
        ({"a": 1}, [{"value": "new"}], "new"),
        ("text", "other", "other"),
        (None, {"a": 1}, {"a": 1}),
    ],
)
async def test_a_part_of_an_entry_can_be_changed(shop, before, change, after):
    if before is not None:
        await shop.run(set_("k", "{{ inputs.v }}"), inputs={"v": before})

    await shop.run({"type": "core.kv.Put", "key": "k", "value": change})

    assert (await entry(shop, "k")).value == after

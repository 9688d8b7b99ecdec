"""Tasks on stored files (triggers-and-stores spec A19)."""

from __future__ import annotations

import pytest

from batuta.model.state import State


def storage(name, **properties):
    return {"type": f"core.storage.{name}", **properties}


async def contents(shop, uris):
    return [(await shop.content(uri)).decode() for uri in uris]


async def test_files_are_joined_with_a_separator_after_each(shop):
    files = [await shop.put("a", "1"), await shop.put("b", "2")]

    outcome = await shop.run(storage("Concat", files=files, separator="\n", extension=".csv"))

    assert await shop.content(outcome.outputs["uri"]) == b"1\n2\n"
    assert outcome.outputs["uri"].endswith(".csv")


async def test_the_list_of_files_may_be_json_text(shop):
    files = [await shop.put("a", "1"), await shop.put("b", "2")]

    outcome = await shop.run(storage("Concat", files="{{ inputs.files }}"), inputs={"files": files})

    assert await shop.content(outcome.outputs["uri"]) == b"12"


@pytest.mark.parametrize(
    ("how", "parts"),
    [
        ({"rows": 2}, ["1\n2\n", "3\n4\n", "5\n"]),
        ({"partitions": 2}, ["1\n3\n5\n", "2\n4\n"]),
        ({"partitions": 9}, ["1\n", "2\n", "3\n", "4\n", "5\n"]),
        ({"bytes": "3"}, ["1\n2\n", "3\n4\n", "5\n"]),
        ({"bytes": "1KB", "rows": 1}, ["1\n2\n3\n4\n5\n"]),
    ],
)
async def test_a_file_is_split(shop, how, parts):
    source = await shop.put("numbers.txt", "1\n2\n3\n4\n5")

    outcome = await shop.run(storage("Split", **{"from": source}, **how))

    assert await contents(shop, outcome.outputs["uris"]) == parts
    assert all(uri.endswith(".txt") for uri in outcome.outputs["uris"])


async def test_a_file_is_split_by_a_pattern_without_the_lines_that_do_not_match(shop):
    source = await shop.put("log", "[a] 1\n[b] 2\nnothing\n[a] 3\n")

    outcome = await shop.run(storage("Split", **{"from": source}, regexPattern=r"\[(\w+)\]"))

    assert await contents(shop, outcome.outputs["uris"]) == ["[a] 1\n[a] 3\n", "[b] 2\n"]


async def test_many_parts_need_no_more_open_files_than_allowed(shop):
    source = await shop.put("numbers", "\n".join(map(str, range(1_000))))

    outcome = await shop.run(storage("Split", **{"from": source}, partitions=500))

    assert len(outcome.outputs["uris"]) == 500
    assert await contents(shop, outcome.outputs["uris"][:2]) == ["0\n500\n", "1\n501\n"]


async def test_an_empty_file_gives_no_parts_and_no_rule_is_an_error(shop):
    source = await shop.put("empty", "")

    assert (await shop.run(storage("Split", **{"from": source}, rows=1))).outputs == {"uris": []}
    assert (await shop.run(storage("Split", **{"from": source}))).state is State.FAILED


@pytest.mark.parametrize(
    ("batch", "parts"),
    [({"rows": 2}, ["1\n2\n", "3\n"]), ({"partitions": 2}, ["1\n3\n", "2\n"]), ({}, ["1\n", "2\n", "3\n"])],
)
async def test_items_are_split_into_batches_that_a_file_lists(shop, batch, parts):
    source = await shop.put("items.txt", "1\n2\n3\n")

    outcome = await shop.run(
        {"type": "core.flow.ForEachItem$ForEachItemSplit", "items": source, "batch": batch}
    )

    listing = (await shop.content(outcome.outputs["splits"])).decode()
    assert await contents(shop, listing.splitlines()) == parts


async def test_items_that_are_no_stored_file_fail(shop):
    outcome = await shop.run({"type": "core.flow.ForEachItem$ForEachItemSplit", "items": "a.txt"})

    assert outcome.state is State.FAILED
    assert await shop.log() == [
        "ERROR Unable to split the items from a.txt, this is not an internal storage URI!"
    ]


async def test_the_size_of_a_file(shop):
    assert (await shop.run(storage("Size", uri=await shop.put("a", "12345")))).outputs == {"size": 5}
    assert (await shop.run(storage("Size", uri="kestra:///company/team/none"))).state is State.FAILED


async def test_a_file_is_removed(shop):
    uri = await shop.put("a", "1")

    first = await shop.run(storage("Delete", uri=uri))
    second = await shop.run(storage("Delete", uri=uri))
    third = await shop.run(storage("Delete", uri=uri, errorOnMissing=True))

    assert first.outputs == {"uri": uri, "deleted": True}
    assert second.outputs == {"uri": uri, "deleted": False}
    assert third.state is State.FAILED


@pytest.mark.parametrize(
    ("before", "separator", "after"),
    [
        ("1\n2\n3\n", "\n", "3\n2\n1\n"),
        ("1\n2\n3", "\n", "3\n2\n1\n"),
        ("1\n\n3\n", "\n", "3\n\n1\n"),
        ("a||b||c", "||", "c||b||a||"),
        ("", "\n", ""),
    ],
)
async def test_lines_are_reversed(shop, before, separator, after):
    source = await shop.put("a.txt", before)

    outcome = await shop.run(storage("Reverse", **{"from": source}, separator=separator))

    assert (await shop.content(outcome.outputs["uri"])).decode() == after


async def test_a_large_file_is_reversed_across_chunks(shop):
    lines = [f"line {number} " + "x" * (number % 97) for number in range(60_000)]
    source = await shop.put("a.txt", "\n".join(lines) + "\n")

    outcome = await shop.run(storage("Reverse", **{"from": source}))

    assert (await shop.content(outcome.outputs["uri"])).decode().split("\n")[:-1] == lines[::-1]


ROWS = '{id:1,name:"a"}\n{id:2,name:"b"}\n{"id":1,"name":"c"}\n'


async def test_the_last_row_of_each_key_is_kept(shop):
    source = await shop.put("rows.ion", ROWS)

    outcome = await shop.run(storage("DeduplicateItems", **{"from": source}, expr="{{ id }}"))

    assert (await shop.content(outcome.outputs["uri"])).decode() == '{id:2,name:"b"}\n{"id":1,"name":"c"}\n'
    assert (outcome.outputs["numKeys"], outcome.outputs["processedItemsTotal"]) == (2, 3)
    assert outcome.outputs["droppedItemsTotal"] == 1


@pytest.mark.parametrize(("kind", "kept"), [("INCLUDE", ["a", "c"]), ("EXCLUDE", ["b"])])
async def test_rows_are_filtered_by_a_condition(shop, kind, kept):
    source = await shop.put("rows.ion", ROWS)

    outcome = await shop.run(
        storage("FilterItems", **{"from": source}, filterCondition="{{ id == 1 }}", filterType=kind)
    )

    text = (await shop.content(outcome.outputs["uri"])).decode()
    assert [line[-3] for line in text.splitlines()] == kept
    assert outcome.outputs["droppedItemsTotal"] == 3 - len(kept)


@pytest.mark.parametrize(("behavior", "count"), [("INCLUDE", 3), ("EXCLUDE", 0), ("FAIL", None)])
async def test_what_happens_to_rows_without_an_answer(shop, behavior, count):
    source = await shop.put("rows.ion", ROWS)

    outcome = await shop.run(
        storage(
            "FilterItems", **{"from": source}, filterCondition="{{ none.x }}", errorOrNullBehavior=behavior
        )
    )

    if count is None:
        assert outcome.state is State.FAILED
        assert (await shop.log())[0].startswith("ERROR row 1: ")
    else:
        assert len((await shop.content(outcome.outputs["uri"])).splitlines()) == count


async def test_a_condition_may_ask_for_outside_values(shop):
    await shop.run({"type": "core.kv.Set", "key": "wanted", "value": "{{ 2 }}"})
    source = await shop.put("rows.ion", ROWS)

    outcome = await shop.run(
        storage("FilterItems", **{"from": source}, filterCondition="{{ id == kv('wanted') }}")
    )

    assert await shop.content(outcome.outputs["uri"]) == b'{id:2,name:"b"}\n'


async def test_a_row_that_is_none_is_named(shop):
    source = await shop.put("rows.ion", "{id:1}\n{{{{\n")

    outcome = await shop.run(storage("FilterItems", **{"from": source}, filterCondition="true"))

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR line 2: `{{{{` is not a row of Ion or JSON")


async def test_text_is_written_into_a_file(shop):
    outcome = await shop.run(storage("Write", content="Hello {{ flow.id }}", extension="txt"))

    assert await shop.content(outcome.outputs["uri"]) == b"Hello nightly_load"
    assert outcome.outputs["uri"].endswith(".txt")


async def test_local_files_go_in_and_out(shop):
    outcome = await shop.run(storage("LocalFiles", inputs={"a/b.txt": "x"}, outputs=["a/*"]))

    assert list(outcome.outputs["uris"]) == ["a/b.txt"]


async def test_all_files_of_the_execution_are_purged_and_no_others(shop):
    other = await shop.put("kept", "x")
    attempt = shop.attempt(storage("Write", content="x"))
    written = (await attempt.run()).outputs["uri"]
    import msgspec

    from batuta.worker.attempt import Attempt
    from tests.support.workshop import task_of

    purge = msgspec.structs.replace(attempt.inputs, task=task_of(storage("PurgeCurrentExecutionFiles")))
    outcome = await Attempt(shop.bench, purge, 0).run()
    again = await Attempt(shop.bench, purge, 0).run()

    assert outcome.outputs == {"uris": [written]}
    assert again.outputs == {"uris": []}
    assert await shop.ports.storage.stat(written) is None
    assert await shop.content(other) == b"x"

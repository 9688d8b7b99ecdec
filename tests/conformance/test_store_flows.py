"""`Flows` beyond searches."""

from __future__ import annotations

from batuta.store.batch import Batch
from tests.conformance.samples import flow, labels

KEY = flow().key


async def test_the_newest_revision_counts_be_it_a_deletion(store):
    first, second = flow(labels=labels(team="data", zone="eu")), flow(revision=2, description="better")
    gone = flow(revision=3, deleted=True)

    assert await store.flows.latest(KEY) is None
    await store.commit(Batch(flows=[first]))
    assert await store.flows.latest(KEY) == first
    await store.commit(Batch(flows=[second, gone]))

    assert await store.flows.latest(KEY) == gone
    assert await store.flows.revision(KEY, 1) == first
    assert await store.flows.revision(KEY, 9) is None
    assert await store.flows.revisions(KEY) == [first, second, gone]


async def test_the_source_is_kept_word_for_word(store):
    source = "id: hello\r\n\tnamespace: x # ü\U0001f600\n\n\n" + "x" * 1_000_000

    await store.commit(Batch(flows=[flow(source=source)]))

    assert (await store.flows.latest(KEY)).source == source


async def test_namespaces_are_those_of_living_flows(store):
    await store.commit(
        Batch(
            flows=[
                flow("a", namespace="z"),
                flow("b", namespace="company"),
                flow("c", namespace="gone"),
                flow("c", namespace="gone", revision=2, deleted=True),
            ]
        )
    )

    assert await store.flows.namespaces() == ["company", "z"]


async def test_old_revisions_can_be_removed_for_good(store):
    await store.commit(Batch(flows=[flow(revision=n) for n in (1, 2, 3)]))

    assert await store.flows.remove(KEY, [1, 2, 8]) == 2

    assert [each.revision for each in await store.flows.revisions(KEY)] == [3]

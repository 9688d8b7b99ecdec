"""Records of triggers, the occasions they have dealt with, and windows of preconditions."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from batuta.errors import AlreadyFired, InvalidRequest, Outdated
from batuta.model.flow import FlowKey
from batuta.model.labels import Label
from batuta.model.records import KvEntry, KvType
from batuta.model.state import State
from batuta.model.trigger import (
    Backfill,
    Firing,
    ReadFlow,
    TriggerJob,
    TriggerKey,
    TriggerKind,
    TriggerRecord,
    Window,
)
from batuta.store.batch import Batch
from tests.conformance.samples import NOON, at, execution, flow, having, history, sorted_by, where


def record(trigger_id: str = "each", **given: Any) -> TriggerRecord:
    values: dict[str, Any] = {
        "namespace": "company.team",
        "flow_id": "hello",
        "kind": TriggerKind.SCHEDULE,
        "definition": "d1",
        "revision": 1,
        "created_at": NOON,
        "updated_at": NOON,
        "next_at": at(60),
    }
    return TriggerRecord(trigger_id=trigger_id, **(values | given))


def firing(occasion: str = "noon", **given: Any) -> Firing:
    values: dict[str, Any] = {
        "namespace": "company.team",
        "flow_id": "hello",
        "trigger_id": "each",
        "at": NOON,
    }
    return Firing(occasion=occasion, **(values | given))


async def write(store, *records: TriggerRecord) -> None:
    await store.commit(Batch(triggers=list(records)))


async def test_a_record_comes_back_as_it_was_written(store):
    backfill = Backfill(
        id="b1",
        start=at(1),
        end=at(2),
        current=at(1),
        inputs={"n": 1},
        labels=(Label("a", "b"),),
        previous_next_at=at(9),
    )
    written = record(backfill=backfill, stop_after=(State.FAILED,), date=at(0), execution_id="e1")
    await write(store, written)

    assert await store.triggers.get(written.key) == replace(written, version=1)
    assert await store.triggers.of_flow(FlowKey("company.team", "hello")) == [replace(written, version=1)]
    assert await store.triggers.get(TriggerKey("company.team", "hello", "other")) is None


async def test_of_two_changes_to_one_version_the_second_is_refused(store):
    await write(store, record())
    present = await store.triggers.get(record().key)
    await write(store, replace(present, next_at=at(120)))

    with pytest.raises(Outdated):
        await write(store, replace(present, next_at=at(180)))

    assert (await store.triggers.get(present.key)).next_at == at(120)


async def test_a_record_is_not_made_twice(store):
    await write(store, record())

    with pytest.raises(Outdated):
        await write(store, record())


async def test_a_change_to_a_record_that_is_gone_is_refused(store):
    await write(store, record())
    present = await store.triggers.get(record().key)
    await store.commit(Batch(removed_triggers=[present.key]))

    with pytest.raises(Outdated):
        await write(store, present)


async def test_an_occasion_is_dealt_with_once_and_nothing_else_of_the_batch_is_kept(store):
    await store.commit(Batch(firings=[firing()]))

    with pytest.raises(AlreadyFired):
        await store.commit(Batch(firings=[firing("other"), firing()], executions={"e1": execution("e1")}))

    key = TriggerKey("company.team", "hello", "each")
    assert await store.triggers.has_fired(key, "noon")
    assert not await store.triggers.has_fired(key, "other")
    assert await store.executions.get("e1") is None


async def test_occasions_of_the_past_can_be_forgotten(store):
    await store.commit(Batch(firings=[firing("a", at=at(0)), firing("b", at=at(10))]))

    assert await store.triggers.purge_firings(at(5)) == 1
    assert await store.triggers.has_fired(TriggerKey("company.team", "hello", "b"), "b") is False
    assert await store.triggers.has_fired(TriggerKey("company.team", "hello", "each"), "b")


async def test_what_is_due_comes_in_order_and_without_what_is_held_back(store):
    await write(
        store,
        record("later", next_at=at(30)),
        record("first", next_at=at(10)),
        record("second", next_at=at(20)),
        record("locked", next_at=at(1), execution_id="e1"),
        record("evaluating", next_at=at(1), evaluating_since=at(0)),
        record("disabled", next_at=at(1), disabled=True),
        record("held", next_at=at(1), held=True),
        record("nothing", next_at=None),
    )

    assert [each.trigger_id for each in await store.triggers.due(at(20), 10)] == ["first", "second"]
    assert [each.trigger_id for each in await store.triggers.due(at(20), 1)] == ["first"]
    assert await store.triggers.next_due() == at(10)
    assert [each.trigger_id for each in await store.triggers.locked()] == ["locked"]
    assert [each.trigger_id for each in await store.triggers.evaluating()] == ["evaluating"]


async def test_nothing_is_due_without_records(store):
    assert await store.triggers.due(at(0), 10) == []
    assert await store.triggers.next_due() is None


async def test_windows_are_written_replaced_and_removed(store):
    key = FlowKey("company.team", "hello")
    window = Window(
        namespace="company.team",
        flow_id="hello",
        name="both",
        start=at(0),
        end=at(9),
        met=("a",),
        outputs={"n": 1},
    )
    await store.commit(Batch(windows=[window]))
    assert await store.triggers.window(key, "both") == window

    both = replace(window, met=("a", "b"))
    await store.commit(Batch(windows=[both, replace(window, name="other")]))
    assert await store.triggers.window(key, "both") == both

    await store.commit(Batch(removed_windows=[("company.team", "hello", "both")]))
    assert await store.triggers.window(key, "both") is None
    await store.commit(Batch(removed_windows=[("company.team", "hello", None)]))
    assert await store.triggers.window(key, "other") is None


async def test_flows_with_a_newer_revision_are_unread(store):
    await store.commit(
        Batch(flows=[flow("a"), flow("b")], read_flows=[ReadFlow("company.team", "a", 1, True)])
    )

    assert await store.triggers.unread_flows() == [FlowKey("company.team", "b")]
    assert await store.triggers.listening_flows() == [FlowKey("company.team", "a")]
    assert await store.triggers.is_read(FlowKey("company.team", "a"))
    assert not await store.triggers.is_read(FlowKey("company.team", "b"))
    assert await store.triggers.is_read(FlowKey("company.team", "nobody saved it"))

    await store.commit(Batch(flows=[flow("a", 2)], read_flows=[ReadFlow("company.team", "b", 1, False)]))
    assert await store.triggers.unread_flows() == [FlowKey("company.team", "a")]
    assert not await store.triggers.is_read(FlowKey("company.team", "a"))


async def test_a_mark_moves(store):
    assert await store.triggers.mark("work") is None
    await store.triggers.put_mark("work", at(1))
    await store.triggers.put_mark("work", at(2))
    assert await store.triggers.mark("work") == at(2)


async def test_executions_are_found_by_their_end(store):
    ended = [execution(f"e{n}", state=history(State.CREATED, State.SUCCESS, start=n * 10)) for n in (3, 1, 2)]
    await store.commit(having(*ended, execution("open")))

    assert [each.id for each in await store.triggers.ended_since(at(21), 10)] == ["e2", "e3"]
    assert [each.id for each in await store.triggers.ended_since(at(0), 2)] == ["e1", "e2"]


async def test_records_can_be_searched(store):
    await write(
        store,
        record("a", next_at=at(1), disabled=True),
        record("b", next_at=at(3), execution_id="e1"),
        record("c", next_at=at(2), namespace="company.other", triggered_at=at(0)),
    )

    async def found(search):
        return [each.trigger_id for each in (await store.triggers.search(search)).results]

    assert await found(where("q", "EQUALS", "hello")) == ["a", "b", "c"]
    assert await found(where("namespace", "EQUALS", "company.team")) == ["a", "b"]
    assert await found(where("triggerState", "EQUALS", "DISABLED")) == ["a"]
    assert await found(where("locked", "EQUALS", "true")) == ["b"]
    assert await found(where("nextExecutionDate", "GREATER_THAN", at(1))) == ["b", "c"]
    assert await found(where("lastTriggeredDate", "IS_NOT_NULL", None)) == ["c"]
    assert await found(sorted_by("nextExecutionDate", descending=True)) == ["b", "c", "a"]
    with pytest.raises(InvalidRequest):
        await found(where("state", "EQUALS", "RUNNING"))


# Jobs of triggers


KEY = TriggerKey("company.team", "hello", "each")


def job(trigger_id: str = "each", since: float = 0, **given: Any) -> TriggerJob:
    return TriggerJob(
        namespace="company.team", flow_id="hello", trigger_id=trigger_id, revision=1, since=at(since), **given
    )


async def claim(store, worker: str = "w1", most: int = 10, now: float = 1, until: float = 30):
    return await store.triggers.claim_jobs(worker, most, at(now), at(until))


async def test_an_evaluation_is_leased_by_one_worker_at_a_time(store):
    await store.commit(Batch(trigger_jobs=[job("b", 1), job("a", 0), job("c", 2)]))

    assert [each.trigger_id for each in await claim(store, "w1", most=2)] == ["a", "b"]
    [third] = await claim(store, "w2")
    assert (third.trigger_id, third.worker_id, third.leased_until, third.since) == ("c", "w2", at(30), at(2))
    assert await claim(store, "w3") == []


async def test_triggers_are_found_by_the_worker_that_looks_for_them(store):
    await store.commit(
        Batch(triggers=[record("a"), record("b"), record("c")], trigger_jobs=[job("a", 1), job("b", 0)])
    )
    await claim(store, "w1", most=1)

    async def found(operation: str, value: Any) -> list[str]:
        page = await store.triggers.search(where("workerId", operation, value))
        return [each.trigger_id for each in page.results]

    assert await found("EQUALS", "w1") == ["b"]
    assert await found("EQUALS", "w2") == []
    assert await found("IS_NULL", None) == ["a", "c"]


async def test_an_evaluation_whose_lease_ran_out_is_taken_again_under_another_token(store):
    await store.commit(Batch(trigger_jobs=[job()]))
    [first] = await claim(store, "w1", until=30)
    [second] = await claim(store, "w2", now=31, until=60)

    assert second.token > first.token
    assert await store.triggers.renew_jobs("w1", at(90)) == []
    assert [each.leased_until for each in await store.triggers.renew_jobs("w2", at(90))] == [at(90)]
    with pytest.raises(Outdated):
        await store.commit(Batch(ended_trigger_jobs=[(KEY, first.token)]))
    with pytest.raises(Outdated):
        await store.commit(Batch(held_trigger_jobs=[(KEY, first.token)]))
    await store.commit(Batch(held_trigger_jobs=[(KEY, second.token)]))
    await store.commit(Batch(ended_trigger_jobs=[(KEY, second.token)]))
    assert await store.triggers.job(KEY) is None


async def test_a_batch_of_a_worker_that_lost_its_evaluation_is_refused_as_a_whole(store):
    await store.commit(Batch(trigger_jobs=[job()]))
    [held] = await claim(store)
    await store.commit(Batch(trigger_jobs=[job(since=5)]))

    with pytest.raises(Outdated):
        await store.commit(
            Batch(
                ended_trigger_jobs=[(KEY, held.token)], firings=[firing()], executions={"e1": execution("e1")}
            )
        )
    assert not await store.triggers.has_fired(KEY, "noon")
    assert await store.executions.get("e1") is None


async def test_a_token_never_comes_again_after_its_evaluation_has_ended(store):
    await store.commit(Batch(trigger_jobs=[job()]))
    [first] = await claim(store)
    await store.commit(Batch(ended_trigger_jobs=[(KEY, first.token)]))
    await store.commit(Batch(trigger_jobs=[job(since=1)]))
    [second] = await claim(store)
    assert second.token > first.token


async def test_evaluations_are_given_back(store):
    await store.commit(Batch(trigger_jobs=[job("a"), job("b")]))
    await claim(store, "w1", most=1)
    await claim(store, "w2", most=1)

    assert await store.triggers.release_jobs("w1") == 1
    assert [each.trigger_id for each in await claim(store, "w3")] == ["a"]
    assert await store.triggers.release_jobs() == 2
    assert len(await claim(store, "w4")) == 2


async def test_the_evaluation_of_a_trigger_goes_with_its_record(store):
    await write(store, record())
    await store.commit(Batch(trigger_jobs=[job()]))
    await store.commit(Batch(removed_triggers=[KEY]))
    assert await store.triggers.job(KEY) is None

    await store.commit(Batch(trigger_jobs=[job()]))
    await store.commit(Batch(removed_trigger_jobs=[KEY]))
    assert await store.triggers.job(KEY) is None


async def test_what_a_look_remembers_is_written_with_its_execution(store):
    entry = KvEntry(
        namespace="company.team", key="seen", type=KvType.JSON, value=[1], created_at=NOON, updated_at=NOON
    )
    await store.commit(Batch(kv=[entry], executions={"e1": execution("e1")}))
    await store.commit(Batch(kv=[replace(entry, value=[1, 2])]))
    found = await store.kv.get("company.team", "seen")
    assert (found.value, found.version) == ([1, 2], 2)

    with pytest.raises(Outdated):
        await store.commit(Batch(kv=[replace(entry, value=[3])], held_trigger_jobs=[(KEY, 1)]))
    assert (await store.kv.get("company.team", "seen")).value == [1, 2]

"""Slots of concurrency limits: granted inside the transaction, counted from rows."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from batuta.model.execution import Execution, ExecutionKind
from batuta.model.flow import FlowKey
from batuta.model.state import State
from batuta.store.batch import Batch, SlotRequest
from tests.conformance.samples import execution, history

KEY = FlowKey("company.team", "hello")


def made(id: str, *states: State, start: float = 0, **given: Any) -> Execution:
    return execution(id, state=history(*states, start=start), **given)


async def ask(store: Any, *ids: str, limit: int = 1, rows: tuple[Execution, ...] = ()) -> list[str]:
    """Ask for slots in one transaction; who got one."""
    batch = Batch(executions={row.id: row for row in rows}, slots=[SlotRequest(id, limit) for id in ids])
    await store.commit(batch)
    return batch.granted


async def test_of_those_that_ask_together_only_so_many_get_one(store):
    rows = tuple(made(f"e{n}") for n in range(5))

    assert await ask(store, *(row.id for row in rows), limit=2, rows=rows) == ["e0", "e1"]


async def test_of_those_that_ask_in_batches_of_their_own_only_so_many_get_one(store):
    rows = [made(f"e{n}") for n in range(20)]

    granted = await asyncio.gather(*(ask(store, row.id, limit=3, rows=(row,)) for row in rows))

    assert sum(map(len, granted)) == 3


async def test_who_asks_again_keeps_its_slot(store):
    await ask(store, "e1", rows=(made("e1"),))

    assert await ask(store, "e1") == ["e1"]


async def test_a_slot_is_held_until_the_execution_is_settled(store):
    await ask(store, "e1", rows=(made("e1"), made("e2")))
    ended = made("e1", State.CREATED, State.RUNNING, State.SUCCESS)

    assert await ask(store, "e2", rows=(ended,)) == []
    assert await ask(store, "e2", rows=(replace(ended, settled=True),)) == ["e2"]


async def test_a_change_of_the_row_leaves_the_slot(store):
    await ask(store, "e1", rows=(made("e1"), made("e2")))

    assert await ask(store, "e2", rows=(made("e1", State.CREATED, State.QUEUED),)) == []


async def test_what_runs_without_having_asked_counts(store):
    for state in (State.RUNNING, State.PAUSED, State.RETRYING, State.RESTARTED):
        assert await ask(store, "e2", rows=(made("e1", State.CREATED, state), made("e2"))) == []


async def test_what_has_not_begun_does_not_count(store):
    waiting = made("e1", State.CREATED, State.QUEUED, start=9)

    assert await ask(store, "e2", rows=(waiting, made("e2"), made("e3"))) == ["e2"]


async def test_iterations_of_loops_and_other_flows_do_not_count(store):
    rows = (
        made("e1", State.RUNNING, kind=ExecutionKind.LOOP),
        made("e2", State.RUNNING, flow_id="other"),
        made("e3"),
    )

    assert await ask(store, "e3", rows=rows) == ["e3"]


async def test_a_deleted_execution_frees_its_slot(store):
    await ask(store, "e1", rows=(made("e1"), made("e2")))

    await store.executions.delete(["e1"])

    assert await ask(store, "e2") == ["e2"]


async def test_nobody_overtakes_an_older_one_that_is_queued(store):
    older, younger = made("b", State.CREATED, State.QUEUED, start=1), made("a", start=2)

    assert await ask(store, "a", rows=(older, younger)) == []
    assert await ask(store, "b", "a", limit=2) == ["b", "a"]


async def test_queues_are_found_by_flow_oldest_first(store):
    rows = [made(f"e{9 - n}", State.CREATED, State.QUEUED, start=n) for n in range(5)]
    rows.append(made("x", State.CREATED, State.QUEUED, flow_id="other"))
    await store.commit(Batch(executions={row.id: row for row in [*rows, made("run", State.RUNNING)]}))

    assert [each.id for each in await store.executions.queued(KEY, 3)] == ["e9", "e8", "e7"]
    assert set(await store.executions.queues()) == {KEY, FlowKey("company.team", "other")}


async def test_those_that_count_against_a_limit_are_found_oldest_first(store):
    rows = (made("e3", start=3), made("e1", start=1), made("e2", State.CREATED, State.PAUSED, start=2))
    await ask(store, "e1", "e3", limit=9, rows=rows)
    await ask(store, rows=(made("loop", State.CREATED, State.RUNNING, kind=ExecutionKind.LOOP),))
    await ask(store, rows=(made("queued", State.CREATED, State.QUEUED),))

    assert [each.id for each in await store.executions.holders(KEY, 10)] == ["e1", "e2", "e3"]
    assert [each.id for each in await store.executions.holders(KEY, 1)] == ["e1"]

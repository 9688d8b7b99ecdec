"""What the triggers' specification wants to see in the whole program (A26).

Checks 2 and 3 are in `test_backfills.py`, 5 and 6 in `test_schedules.py`, 10 in `test_reactions.py`; 9 is in
`tests/api/test_webhooks.py`, 11 in `tests/plugins/test_scripts.py`, 12 in `tests/unit/plugins/test_rows.py`.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from batuta import flows, ids
from batuta.bus.port import FlowSaved, TriggersChanged
from batuta.engine.events import ExecutionCreated
from batuta.engine.lifecycle import new_execution
from batuta.errors import Outdated
from batuta.firing import changes
from batuta.model.flow import FlowRevision
from batuta.model.records import KvEntry, KvType
from batuta.model.state import State
from batuta.model.trigger import TriggerKey
from batuta.store.batch import Batch
from tests.plugins.messaging.conftest import program_in

TAXI = """\
id: taxi
namespace: zoomcamp
concurrency: {limit: 1}
inputs:
  - {id: taxi, type: STRING, defaults: none}
tasks:
  - {id: date, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.date }}"}
triggers:
  - id: green
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 9 1 * *"
    timezone: UTC
    inputs: {taxi: green}
  - id: yellow
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 10 1 * *"
    timezone: UTC
    inputs: {taxi: yellow}
"""
MONTHS = [f"2019-0{month}-01T09:00:00Z" for month in range(1, 8)]


@pytest.fixture
async def program(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_FOO", base64.b64encode(b"bar\n").decode())
    async with program_in(tmp_path / "data") as program:
        yield program


async def save(program, source):
    flow = flows.parse(source)
    revision = FlowRevision(
        namespace=flow.namespace, id=flow.id, revision=1, source=source, created_at=program.ports.clock.now()
    )
    await program.store.commit(Batch(flows=[revision]))
    await program.ports.bus.publish(FlowSaved(namespace=flow.namespace, flow_id=flow.id))
    return flows.parse(source, revision=1)


async def fill(program, trigger_id, **given):
    """A backfill of the first half of 2019 and a bit."""
    key = TriggerKey("zoomcamp", "taxi", trigger_id)
    await program.until(lambda: program.store.triggers.get(key))
    while True:
        record = await program.store.triggers.get(key)
        filling = changes.backfilled(
            record,
            id=ids.random_id(),
            start=datetime(2019, 1, 1, tzinfo=UTC),
            end=datetime(2019, 7, 31, tzinfo=UTC),
            labels=(),
            now=program.ports.clock.now(),
            **{"inputs": {}, **given},
        )
        try:
            await program.store.commit(changes.written(record, filling))
        except Outdated:
            continue
        await program.ports.bus.publish(TriggersChanged())
        return key


async def run(program, flow):
    execution = new_execution(flow, id=ids.random_id(), inputs={}, now=program.ports.clock.now())
    batch = Batch(executions={execution.id: execution})
    await program.ports.inbox.accept(ExecutionCreated(execution_id=execution.id), batch=batch)

    async def settled():
        found = await program.store.executions.get(execution.id)
        return found if found.settled else None

    return await program.until(settled)


async def all_settled(program, count):
    async def settled():
        found = await program.present()
        return found if len(found) >= count and all(each.settled for each in found) else None

    return await program.until(settled)


async def test_1_a_backfill_beside_a_limit_starts_each_tick_in_order_and_none_overlaps(program):
    await save(program, TAXI)
    key = await fill(program, "green")
    found = await all_settled(program, 7)
    assert [each.trigger.variables["date"] for each in found] == MONTHS
    for earlier, later in pairwise(found):
        assert earlier.state.ended_at <= later.state.started_at

    async def is_over():
        record = await program.store.triggers.get(key)
        return record if record.backfill is None and record.execution_id is None else None

    record = await program.until(is_over)
    assert record.next_at > program.ports.clock.now()
    assert (record.next_at.day, record.next_at.hour) == (1, 9)


async def test_4_two_schedules_of_a_flow_have_their_own_inputs_and_a_backfill_has_the_last_word(program):
    await save(program, TAXI)
    await fill(program, "green")
    await fill(program, "yellow")
    taxis = [(each.trigger.id, each.inputs["taxi"]) for each in await all_settled(program, 14)]
    assert sorted(taxis) == [("green", "green")] * 7 + [("yellow", "yellow")] * 7
    await fill(program, "green", inputs={"taxi": "yellow"})
    taxis = [(each.trigger.id, each.inputs["taxi"]) for each in await all_settled(program, 21)]
    assert taxis.count(("green", "yellow")) == 7


async def test_7_keys_are_found_in_parents_unless_a_namespace_is_named(program):
    now = program.ports.clock.now()
    entry = KvEntry(namespace="a", key="X", type=KvType.STRING, value="1", created_at=now, updated_at=now)
    await program.store.kv.put(entry)
    task = '  - {{id: {id}, type: io.kestra.plugin.core.debug.Return, format: "{{{{ {text} }}}}"}}\n'
    inherited = await save(
        program, "id: up\nnamespace: a.b.c\ntasks:\n" + task.format(id="x", text="kv('X')")
    )
    assert (await run(program, inherited)).state.current is State.SUCCESS
    exact = task.format(id="x", text="kv('X', 'a.b')")
    named = await save(program, "id: exact\nnamespace: a.b.c\ntasks:\n" + exact)
    assert (await run(program, named)).state.current is State.FAILED


async def test_8_a_secret_keeps_its_line_end_and_is_masked_in_logs(program):
    source = """\
id: hush
namespace: company.team
tasks:
  - {id: length, type: io.kestra.plugin.core.debug.Return, format: "{{ secret('foo') | length }}"}
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "it is {{ secret('foo') }}!"}
"""
    execution = await run(program, await save(program, source))
    assert execution.state.current is State.SUCCESS
    [length, _] = await program.store.executions.task_runs(execution.id)
    assert length.outputs == {"value": "4"}
    lines = [stored.line.message for stored in await program.store.logs.of_execution(execution.id)]
    assert lines
    assert all("bar" not in line for line in lines)

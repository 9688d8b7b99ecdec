"""Flow triggers: executions that start because others came to some state."""

from __future__ import annotations

import pytest

from batuta.model.labels import CORRELATION_ID, value_of
from batuta.model.state import State
from batuta.store.batch import Batch

SOURCE = """\
id: {id}
namespace: company.team
tasks:
  - {{id: say, type: io.kestra.plugin.core.debug.Return}}
"""
LISTENER = """\
id: tick
namespace: company.team
inputs:
  - {id: rows, type: INT, defaults: 0}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return}
triggers:
  - id: each
    type: io.kestra.plugin.core.trigger.Flow
"""
AFTER_A = """\
    conditions:
      - {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: company.team, flowId: a}
      - {type: io.kestra.plugin.core.condition.ExecutionStatus, in: [SUCCESS]}
"""
BOTH = """\
    preconditions:
      id: both
      flows:
        - {namespace: company.team, flowId: a, states: [SUCCESS]}
        - {namespace: company.team, flowId: b, states: [SUCCESS]}
"""


@pytest.fixture
async def sources(town):
    for id in "ab":
        await town.save(SOURCE.format(id=id))


async def heard(town):
    """Wait until everything that happened so far was looked at."""
    last = await town.run_other("a", State.KILLED)

    async def seen():
        return town.scheduler.reactions.has_seen(last.id)

    await town.until(seen)


@pytest.fixture
async def listening(town, sources):
    async with town.scheduling() as scheduler:
        town.scheduler = scheduler

        async def save(source):
            await town.save(source)

            async def known():
                return town.store.triggers and await town.store.triggers.listening_flows()

            await town.until(known)

        yield save


async def test_an_execution_that_fits_starts_one(town, listening):
    await listening(LISTENER + AFTER_A)
    upstream = await town.run_other("a", labels={"team": "data"}, outputs={"rows": 3})
    [execution] = await town.until(town.executions)
    assert execution.trigger.variables == {
        "executionId": upstream.id,
        "namespace": "company.team",
        "flowId": "a",
        "flowRevision": 1,
        "state": "SUCCESS",
        "executionLabels": {"team": "data"},
        "outputs": {"rows": 3},
    }
    assert value_of(execution.labels, CORRELATION_ID) == upstream.id


async def test_what_does_not_fit_starts_nothing(town, listening):
    await listening(LISTENER + AFTER_A)
    await town.run_other("b")
    await town.run_other("a", State.FAILED)
    await heard(town)
    assert await town.executions() == []


async def test_inputs_see_the_outputs_of_the_other_flow(town, listening):
    await listening(LISTENER + "    inputs: {rows: '{{ trigger.outputs.rows }}'}\n" + AFTER_A)
    await town.run_other("a", outputs={"rows": 3})
    [execution] = await town.until(town.executions)
    assert execution.inputs == {"rows": 3}


async def test_a_trigger_without_inputs_starts_a_flow_that_requires_some(town, listening):
    await listening(LISTENER.replace(", defaults: 0", "") + AFTER_A)
    await town.run_other("a")
    [execution] = await town.until(town.executions)
    assert execution.state.current is not State.FAILED
    assert execution.inputs == {}


async def test_inputs_that_cannot_be_rendered_start_nothing(town, listening):
    await listening(LISTENER + "    inputs: {rows: '{{ trigger.outputs.lines }}'}\n" + AFTER_A)
    await town.run_other("a", outputs={"rows": 3})
    await heard(town)
    assert await town.executions() == []


async def test_inputs_of_the_wrong_type_are_an_execution_that_failed(town, listening):
    await listening(LISTENER + "    inputs: {rows: many}\n" + AFTER_A)
    await town.run_other("a")
    [execution] = await town.until(town.executions)
    assert execution.state.current is State.FAILED


async def test_all_states_on_the_way_are_looked_at(town, listening):
    of_a = AFTER_A.rpartition("      - ")[0]
    await listening(LISTENER + "    states: [RUNNING, SUCCESS]\n" + of_a)
    await town.run_other("a")

    async def both():
        return len(await town.executions()) == 2

    await town.until(both)
    states = {each.trigger.variables["state"] for each in await town.executions()}
    assert states == {"RUNNING", "SUCCESS"}


async def test_a_flow_never_starts_itself(town, listening):
    await listening(LISTENER.replace("triggers:", "triggers:") + "    conditions: []\n")
    await town.run_other("tick")
    await heard(town)
    started = [each for each in await town.executions() if each.trigger is not None]
    assert all(each.trigger.variables["flowId"] != "tick" for each in started)


async def test_an_execution_is_reacted_to_once_however_often_it_is_seen(town, sources):
    await town.save(LISTENER + AFTER_A)
    upstream = await town.run_other("a")
    for _ in range(3):
        async with town.scheduling() as scheduler:
            scheduler.reactions.heard(upstream.id)
            await town.until(town.executions)
        await town.move(seconds=20)
    assert len(await town.executions()) == 1


async def test_an_end_that_nobody_heard_of_is_found_at_the_next_start(town, sources):
    await town.save(LISTENER + AFTER_A)
    async with town.scheduling():
        pass
    await town.move(seconds=5)
    await town.run_other("a")
    async with town.scheduling():
        assert len(await town.executions()) == 1


async def test_what_happened_before_the_listener_was_saved_does_not_count(town, sources):
    await town.run_other("a")
    await town.move(seconds=5)
    await town.save(LISTENER + AFTER_A)
    async with town.scheduling():
        assert await town.executions() == []


async def test_preconditions_wait_for_all_flows_and_begin_anew(town, listening):
    await listening(LISTENER + BOTH)
    await town.run_other("a", outputs={"first": 1})
    await heard(town)
    assert await town.executions() == []
    last = await town.run_other("b", outputs={"second": 2})
    [execution] = await town.until(town.executions)
    assert execution.trigger.variables["executionId"] == last.id
    assert execution.trigger.variables["outputs"] == {"first": 1, "second": 2}
    await town.run_other("a")
    await heard(town)
    assert len(await town.executions()) == 1


async def test_without_a_reset_each_further_match_starts_again(town, listening):
    await listening(LISTENER + BOTH + "      resetOnSuccess: false\n")
    await town.run_other("a")
    await town.run_other("b")
    await town.run_other("a")

    async def twice():
        return len(await town.executions()) == 2

    await town.until(twice)


async def test_what_was_met_in_an_earlier_window_does_not_count(town, listening):
    await listening(LISTENER + BOTH + "      timeWindow: {type: SLIDING_WINDOW, window: PT1H}\n")
    await town.run_other("a")
    await heard(town)
    await town.move(hours=2)
    await town.run_other("b")
    await heard(town)
    assert await town.executions() == []
    await town.run_other("a")
    await town.until(town.executions)


async def test_an_older_multiple_condition_works_alike(town, listening):
    condition = """\
    conditions:
      - type: io.kestra.plugin.core.condition.MultipleCondition
        id: both
        window: P1D
        conditions:
          first: {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: company.team, flowId: a}
          second: {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: company.team, flowId: b}
    """
    await listening(LISTENER + condition.rstrip(" "))
    await town.run_other("b")
    await town.run_other("a")
    await town.until(town.executions)


async def test_a_deleted_listener_takes_its_windows_along(town, listening):
    from batuta.model.flow import FlowKey

    key = FlowKey("company.team", "tick")
    await listening(LISTENER + BOTH)
    await town.run_other("a")
    await heard(town)
    assert await town.store.triggers.window(key, "both")
    await town.delete(key)

    async def gone():
        return await town.store.triggers.window(key, "both") is None

    await town.until(gone)


async def test_executions_of_tests_and_loops_are_not_looked_at(town, listening):
    from msgspec.structs import replace

    from batuta.model.execution import ExecutionKind

    await listening(LISTENER + AFTER_A)
    upstream = await town.run_other("b")
    other = replace(upstream, id="t1", flow_id="a", kind=ExecutionKind.TEST)
    await town.store.commit(Batch(executions={"t1": other}))
    await town.end(other)
    await heard(town)
    assert await town.executions() == []

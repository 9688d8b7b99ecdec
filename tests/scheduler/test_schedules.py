"""Ticks become executions: once each, one after the other, whatever happens in between."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from batuta.engine.world import World
from batuta.firing import changes
from batuta.model.flow import FlowKey
from batuta.model.labels import FROM, value_of
from batuta.model.state import State
from batuta.model.trigger import TriggerKey
from tests.scheduler.conftest import KEY, START

EACH_MINUTE = """\
id: tick
namespace: company.team
labels:
  team: data
inputs:
  - {id: who, type: STRING, defaults: flow}
  - {id: count, type: INT, defaults: 1}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return}
triggers:
  - id: each
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "* * * * *"
    timezone: UTC
"""


def with_trigger(*lines: str) -> str:
    return EACH_MINUTE + "".join(f"    {line}\n" for line in lines)


async def test_a_new_schedule_begins_with_the_next_tick(town):
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        record = await town.has_record()
    assert record.next_at.isoformat() == "2026-03-01T12:01:00+00:00"
    assert await town.executions() == []


async def test_a_tick_starts_an_execution_that_knows_its_date(town):
    await town.save(with_trigger("inputs: {who: '{{ trigger.date }}'}", "labels: {via: schedule}"))
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=1)
        [execution] = await town.until(town.executions)
    assert execution.trigger.id == "each"
    assert execution.trigger.variables == {
        "date": "2026-03-01T12:01:00Z",
        "next": "2026-03-01T12:02:00Z",
        "previous": "2026-03-01T12:00:00Z",
    }
    assert execution.inputs == {"who": "2026-03-01T12:01:00Z", "count": 1}
    assert value_of(execution.labels, "team") == "data"
    assert value_of(execution.labels, "via") == "schedule"
    assert value_of(execution.labels, FROM) == "trigger"


async def test_the_next_tick_waits_for_the_end_of_the_execution(town):
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=1)
        [execution] = await town.until(town.executions)
        assert (await town.record()).execution_id == execution.id
        await town.move(minutes=2)
        await town.settled()
        assert len(await town.executions()) == 1
        await town.end_all()
    assert await town.dates() == [f"2026-03-01T12:0{minute}:00Z" for minute in (1, 2, 3)]


async def test_with_allow_concurrent_it_does_not(town):
    await town.save(with_trigger("allowConcurrent: true"))
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=3)
        await town.settled()
    assert len(await town.dates()) == 3


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("ALL", ["12:01", "12:02", "12:03"]),
        ("LAST", ["12:03"]),
        ("NONE", []),
    ],
)
async def test_ticks_missed_while_the_scheduler_was_down(town, policy, expected):
    await town.save(with_trigger(f"recoverMissedSchedules: {policy}"))
    async with town.scheduling():
        await town.has_record()
    await town.move(minutes=3)
    async with town.scheduling():
        await town.settled()
        await town.end_all()
    assert [date[11:16] for date in await town.dates()] == expected
    assert (await town.record()).next_at.isoformat() == "2026-03-01T12:04:00+00:00"


async def test_a_schedule_that_says_nothing_about_missed_ticks_obeys_the_setting(town):
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        await town.has_record()
    await town.move(minutes=3)
    async with town.scheduling(World(recover_missed_schedules="NONE")):
        await town.settled()
    assert await town.executions() == []


@pytest.mark.parametrize("behavior", ["BLOCK_EXECUTION", "FAIL_EXECUTION", "CREATE_EXECUTION"])
async def test_checks_of_the_flow_apply_to_what_a_trigger_starts(town, behavior):
    check = f"  - {{when: '{{{{ inputs.count > 1 }}}}', message: too few, behavior: {behavior}}}\n"
    await town.save(EACH_MINUTE + "checks:\n" + check)
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=1)
        [execution] = await town.until(town.executions)
    lines = [stored.line.message for stored in await town.store.logs.of_execution(execution.id)]
    if behavior == "CREATE_EXECUTION":
        assert execution.state.current is State.CREATED
        assert lines == []
    else:
        assert execution.state.current is State.FAILED
        assert lines == ["The checks of the flow do not let the execution begin: too few"]


async def test_a_tick_that_is_too_late_is_left_out(town):
    await town.save(with_trigger("lateMaximumDelay: PT90S"))
    async with town.scheduling():
        await town.has_record()
    await town.move(minutes=5)
    async with town.scheduling():
        await town.settled()
        await town.end_all()
    assert [date[11:16] for date in await town.dates()] == ["12:04", "12:05"]


async def test_only_days_that_fit_the_conditions_tick(town):
    await town.save(
        with_trigger(
            "conditions: [{type: io.kestra.plugin.core.condition.DayWeek, dayOfWeek: MONDAY}]"
        ).replace("* * * * *", "0 9 * * *")
    )
    async with town.scheduling():
        assert (await town.has_record()).next_at.isoformat() == "2026-03-02T09:00:00+00:00"
        await town.move(days=1)
        [execution] = await town.until(town.executions)
    assert execution.trigger.variables == {
        "date": "2026-03-02T09:00:00Z",
        "next": "2026-03-09T09:00:00Z",
        "previous": "2026-02-23T09:00:00Z",
    }


async def test_other_conditions_are_asked_when_a_tick_is_due(town):
    even = "{{ (trigger.date | date('m') | number) % 2 == 0 }}"
    condition = f'{{type: io.kestra.plugin.core.condition.Expression, expression: "{even}"}}'
    await town.save(with_trigger(f"conditions: [{condition}]"))
    async with town.scheduling():
        await town.has_record()
        for _ in range(4):
            await town.move(minutes=1)
            await town.settled()
            await town.end_all()
    assert [date[11:16] for date in await town.dates()] == ["12:02", "12:04"]


async def test_a_condition_that_fails_is_an_execution_that_failed(town):
    condition = "{type: io.kestra.plugin.core.condition.ExecutionStatus, in: [SUCCESS]}"
    await town.save(with_trigger(f"conditions: [{condition}]"))
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=1)
        [execution] = await town.until(town.executions)
        [line] = await town.store.logs.of_execution(execution.id)
    assert execution.state.current is State.FAILED
    assert "the condition is about an execution" in line.line.message
    assert (await town.record()).execution_id is None


async def test_inputs_that_do_not_fit_are_an_execution_that_failed(town):
    await town.save(with_trigger("inputs: {count: many}"))
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=2)
        await town.settled()
    assert [each.state.current for each in await town.executions()] == [State.FAILED, State.FAILED]


async def test_a_state_in_stop_after_switches_the_trigger_off(town):
    await town.save(with_trigger("stopAfter: [FAILED]"))
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=1)
        [execution] = await town.until(town.executions)
        await town.end(execution, State.FAILED)

        async def off():
            return (await town.record()).disabled

        await town.until(off)
        await town.move(minutes=5)
        await town.settled()
        assert len(await town.executions()) == 1
        await town.change(lambda record: changes.switched(record, disabled=False, now=town.clock.now()))
        await town.settled()
        assert len(await town.executions()) == 1
        await town.move(minutes=1)
        await town.end_all()
    assert [date[11:16] for date in await town.dates()] == ["12:01", "12:07"]


async def test_stop_after_holds_for_a_trigger_that_allows_concurrent_executions(town):
    await town.save(with_trigger("stopAfter: [FAILED]", "allowConcurrent: true"))
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=1)
        [first] = await town.until(town.executions)
    async with town.scheduling():  # another process remembers whose end concerns the trigger
        await town.end(first, State.FAILED)
        record = await town.until(lambda: switched_off(town))
    assert record.next_at is None


async def switched_off(town):
    record = await town.record()
    return record if record.disabled else None


async def test_a_trigger_that_is_gone_from_the_flow_loses_its_record(town):
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        await town.has_record()
        await town.save(EACH_MINUTE.replace("id: each", "id: other"))
        await town.has_record(TriggerKey(*KEY[:2], "other"))
    assert await town.record() is None


async def test_a_changed_trigger_begins_anew_and_an_unchanged_one_goes_on(town):
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        before = await town.has_record()
        await town.save(EACH_MINUTE.replace("format", "message"))
        await town.save(EACH_MINUTE + "description: more\n")
        await town.settled()
        assert (await town.record()).next_at == before.next_at
        await town.save(EACH_MINUTE.replace("* * * * *", "30 * * * *"))

        async def moved():
            return (await town.record()).next_at.minute == 30

        await town.until(moved)


async def test_a_disabled_flow_starts_nothing_and_misses_nothing_when_it_is_enabled(town):
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        await town.has_record()
        await town.save(EACH_MINUTE + "disabled: true\n")

        async def held():
            return (await town.record()).held

        await town.until(held)
        await town.move(minutes=10)
        await town.settled()
        assert await town.executions() == []
        await town.save(EACH_MINUTE)

        async def free():
            return not (await town.record()).held

        await town.until(free)
        await town.settled()
        assert (await town.record()).next_at.isoformat() == "2026-03-01T12:11:00+00:00"
    assert await town.executions() == []


async def test_a_deleted_flow_has_no_records(town):
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        await town.has_record()
        await town.delete(FlowKey("company.team", "tick"))

        async def gone():
            return await town.record() is None

        await town.until(gone)


async def test_a_flow_saved_while_no_scheduler_ran_is_found(town):
    async with town.scheduling():
        pass
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        assert await town.record() is not None


async def test_an_execution_that_ended_while_no_scheduler_ran_unlocks(town):
    await town.save(EACH_MINUTE)
    async with town.scheduling():
        await town.has_record()
        await town.move(minutes=1)
        [execution] = await town.until(town.executions)
    await town.end(execution)
    async with town.scheduling():
        assert (await town.record()).execution_id is None


async def test_listed_dates_tick_once_each(town):
    await town.save(
        """\
        id: tick
        namespace: company.team
        tasks:
          - {id: say, type: io.kestra.plugin.core.debug.Return}
        triggers:
          - id: each
            type: io.kestra.plugin.core.trigger.ScheduleOnDates
            timezone: Europe/Paris
            dates: ["2026-03-01T14:00:00", "2020-01-01T00:00:00Z", "2026-03-01T12:30:00Z"]
        """
    )
    async with town.scheduling():
        await town.has_record()
        await town.move(hours=3)
        await town.settled()
        await town.end_all()
    executions = await town.executions()
    assert [each.schedule_at.isoformat() for each in executions] == [
        "2026-03-01T12:30:00+00:00",
        "2026-03-01T13:00:00+00:00",
    ]
    assert executions[0].trigger.variables == {}


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_missed_or_doubled_however_often_the_scheduler_dies(town, seed):
    chance = random.Random(seed)
    await town.save(with_trigger("allowConcurrent: true").replace("* * * * *", "*/7 * * * *"))
    async with town.scheduling():
        await town.has_record()
    while town.clock.now() < START + timedelta(days=1):
        async with town.scheduling():
            for _ in range(chance.randrange(3)):
                await town.move(minutes=chance.randrange(1, 60))
                if chance.random() < 0.5:
                    await town.settled()
        await town.move(minutes=chance.randrange(90))
    async with town.scheduling():
        await town.settled()
    expected = []
    tick = START.replace(second=0)
    while (tick := tick + timedelta(minutes=1)) <= town.clock.now():
        if tick.minute % 7 == 0:
            expected.append(tick.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert await town.dates() == expected

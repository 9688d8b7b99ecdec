"""A range of the past, filled in order."""

from __future__ import annotations

from datetime import UTC, datetime

from batuta.firing import changes
from batuta.model.labels import Label, value_of
from batuta.model.state import State

MONTHLY = """\
id: tick
namespace: company.team
inputs:
  - {id: a, type: STRING, defaults: flow}
  - {id: b, type: STRING, defaults: flow}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return}
triggers:
  - id: each
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 9 1 * *"
    timezone: UTC
    inputs: {a: trigger}
"""
MONTHS = [f"2019-0{month}-01T09:00:00Z" for month in range(1, 8)]


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def fill(town, start, end, **given):
    values = {"id": "b1", "inputs": {}, "labels": (), "now": town.clock.now()} | given
    await town.change(lambda record: changes.backfilled(record, start=at(start), end=at(end), **values))


async def test_every_tick_of_the_range_is_started_in_order(town):
    await town.save(MONTHLY)
    async with town.scheduling():
        before = await town.has_record()
        await fill(town, "2019-01-01T00:00:00", "2019-07-31T00:00:00")
        await town.until(town.executions)
        await town.end_all()
        after = await town.record()
    assert await town.dates() == MONTHS
    assert after.backfill is None
    assert after.next_at == before.next_at


async def test_both_ends_belong_to_the_range(town):
    await town.save(MONTHLY)
    async with town.scheduling():
        await town.has_record()
        await fill(town, "2019-01-01T09:00:00", "2019-07-01T09:00:00")
        await town.until(town.executions)
        await town.end_all()
    assert await town.dates() == MONTHS


async def test_one_tick_is_under_way_at_a_time(town):
    await town.save(MONTHLY)
    async with town.scheduling():
        await town.has_record()
        await fill(town, "2019-01-01T00:00:00", "2019-07-31T00:00:00")
        for count in range(1, 4):

            async def started(count=count):
                return len(await town.executions()) == count

            await town.until(started)
            await town.settled()
            [under_way] = [each for each in await town.executions() if not each.is_ended]
            await town.end(under_way, State.FAILED)


async def test_a_pause_holds_over_a_restart(town):
    await town.save(MONTHLY)
    async with town.scheduling():
        await town.has_record()
        await fill(town, "2019-01-01T00:00:00", "2019-07-31T00:00:00")
        [first] = await town.until(town.executions)
        await town.change(lambda record: changes.paused(record, now=town.clock.now(), on=True))
        await town.end(first)

        async def unlocked():
            return (await town.record()).execution_id is None

        await town.until(unlocked)
    async with town.scheduling():
        await town.settled()
        assert len(await town.executions()) == 1
        await town.change(lambda record: changes.paused(record, now=town.clock.now(), on=False))

        async def second():
            return len(await town.executions()) == 2

        await town.until(second)
        await town.end_all()
    assert await town.dates() == MONTHS


async def test_the_range_may_be_filled_again(town):
    await town.save(MONTHLY)
    async with town.scheduling():
        await town.has_record()
        for id in ("b1", "b2"):
            await fill(town, "2019-01-01T00:00:00", "2019-02-28T00:00:00", id=id)

            async def filled():
                await town.end_all()
                return (await town.record()).backfill is None

            await town.until(filled)
            await town.end_all()
    assert await town.dates() == [MONTHS[0], MONTHS[0], MONTHS[1], MONTHS[1]]


async def test_its_inputs_and_labels_are_laid_over_those_of_the_trigger(town):
    await town.save(MONTHLY)
    async with town.scheduling():
        await town.has_record()
        await fill(
            town,
            "2019-01-01T00:00:00",
            "2019-01-31T00:00:00",
            inputs={"b": "{{ trigger.date | date('yyyy') }}"},
            labels=(Label("batch", "old"),),
        )
        [execution] = await town.until(town.executions)
    assert execution.inputs == {"a": "trigger", "b": "2019"}
    assert value_of(execution.labels, "batch") == "old"


async def test_deleting_it_leaves_what_was_started(town):
    await town.save(MONTHLY)
    async with town.scheduling():
        before = await town.has_record()
        await fill(town, "2019-01-01T00:00:00", "2019-07-31T00:00:00")
        await town.until(town.executions)
        await town.change(lambda record: changes.without_backfill(record, now=town.clock.now()))
        await town.end_all()
    assert await town.dates() == MONTHS[:1]
    assert (await town.record()).next_at == before.next_at


async def test_a_changed_trigger_drops_it(town):
    await town.save(MONTHLY)
    async with town.scheduling():
        await town.has_record()
        await fill(town, "2019-01-01T00:00:00", "2019-07-31T00:00:00")
        await town.until(town.executions)
        await town.save(MONTHLY.replace("a: trigger", "a: other"))

        async def dropped():
            return (await town.record()).backfill is None

        await town.until(dropped)

"""Small core tasks (flow spec §7, triggers-and-stores spec A21 to A23)."""

from __future__ import annotations

import msgspec

from batuta.model.state import State
from batuta.worker.attempt import Attempt
from tests.support.workshop import task_of


async def test_log_writes_each_message_at_its_level(shop):
    await shop.run({"type": "core.log.Log", "message": ["one", "two\nlines"], "level": "{{ 'WARN' }}"})
    several = await shop.log()
    await shop.run({"type": "core.log.Log", "message": "{{ inputs.all }}"}, inputs={"all": ["a", "b"]})

    assert several == ["WARN one", "WARN two\nlines"]
    assert await shop.log() == ["INFO a", "INFO b"]


async def test_a_log_of_an_error_is_no_error(shop):
    outcome = await shop.run({"type": "core.log.Log", "message": "bad", "level": "ERROR"})

    assert (outcome.state, outcome.outputs) == (State.SUCCESS, None)


async def test_echo_is_log_of_old(shop):
    await shop.run({"type": "io.kestra.core.tasks.debugs.Echo", "format": "{{ flow.id }}", "level": "DEBUG"})

    assert await shop.log() == ["DEBUG nightly_load"]


async def test_the_log_of_the_execution_becomes_a_file(shop):
    from batuta.plugins.rows import read_row

    inputs = shop.inputs({"type": "core.log.Log", "message": ["one", "two"], "level": "WARN"})
    await Attempt(shop.bench, inputs, 0).run()
    await shop.bench.journal.flush()
    fetch = msgspec.structs.replace(inputs, task=task_of({"id": "f", "type": "core.log.Fetch"}))
    none = msgspec.structs.replace(
        inputs, task=task_of({"id": "f", "type": "core.log.Fetch", "level": "ERROR", "tasksId": ["t"]})
    )

    found = await Attempt(shop.bench, fetch, 0).run()
    nothing = await Attempt(shop.bench, none, 0).run()

    rows = [read_row(line) for line in (await shop.content(found.outputs["uri"])).splitlines()]
    assert (found.outputs["size"], nothing.outputs["size"]) == (2, 0)
    assert [(row["level"], row["message"], row["taskId"]) for row in rows] == [
        ("WARN", "one", "t"),
        ("WARN", "two", "t"),
    ]


async def test_the_log_of_an_execution_that_is_not_there_fails(shop):
    outcome = await shop.run({"type": "core.log.Fetch", "executionId": "none"})

    assert outcome.state is State.FAILED
    assert await shop.log() == ["ERROR There is no execution `none` in `company.team`"]


async def test_return_gives_its_value_and_measures_it(shop):
    outcome = await shop.run({"type": "core.debug.Return", "format": "{{ flow.id }}"})
    nothing = await shop.run({"type": "core.debug.Return"})

    assert (outcome.outputs, nothing.outputs) == ({"value": "nightly_load"}, {})
    assert [(name, kind) for name, kind, *_ in await shop.metrics()] == [
        ("length", "counter"),
        ("duration", "timer"),
    ]


async def test_output_values_keep_their_types(shop):
    values = {
        "text": "{{ flow.id }}",
        "number": 12,
        "list": [1, "{{ 1 + 1 }}"],
        "map": {"a": None},
        "yes": True,
    }

    outcome = await shop.run({"type": "core.output.OutputValues", "values": values})

    assert outcome.outputs == {
        "values": {"text": "nightly_load", "number": 12, "list": [1, "2"], "map": {"a": None}, "yes": True}
    }


async def test_fail_fails(shop):
    outcome = await shop.run({"type": "core.execution.Fail", "errorMessage": "no {{ flow.id }}"})

    assert outcome.state is State.FAILED
    assert await shop.log() == ["ERROR no nightly_load"]


async def test_fail_under_a_condition(shop):
    fails = {"type": "core.execution.Fail", "condition": "{{ inputs.rows < 1 }}"}

    failed = await shop.run(fails, inputs={"rows": 0})
    lines = await shop.log()
    passed = await shop.run(fails, inputs={"rows": 1})

    assert (failed.state, passed.state) == (State.FAILED, State.SUCCESS)
    assert lines == ["ERROR Task failure", "ERROR Fail on a condition"]


async def test_assert_counts_what_does_not_hold(shop):
    outcome = await shop.run(
        {
            "type": "core.execution.Assert",
            "conditions": ["{{ 42 == 42 }}", "{{ inputs.x == 'y' }}", "{{ outputs.none }}"],
            "errorMessage": "look at x",
        },
        inputs={"x": "z"},
    )

    assert outcome.state is State.FAILED
    assert await shop.log() == [
        "ERROR Assertion `{{ inputs.x == 'y' }}` failed!",
        "ERROR Assertion `{{ outputs.none }}` failed!",
        "ERROR 2 assertion(s) failed!\nlook at x",
    ]
    assert [(name, value) for name, _, value, _ in await shop.metrics()] == [
        ("failed", 2.0),
        ("success", 1.0),
    ]


async def test_metrics_of_the_flows_own(shop):
    metrics = [
        {"name": "rows", "type": "counter", "value": "{{ inputs.rows }}", "tags": {"region": "eu"}},
        {"name": "took", "type": "timer", "value": "PT1.5S"},
        {"name": "level", "type": "gauge", "value": 0.5},
    ]

    await shop.run({"type": "core.metric.Publish", "metrics": metrics}, inputs={"rows": 7})

    assert await shop.metrics() == [
        ("rows", "counter", 7.0, {"region": "eu"}),
        ("took", "timer", 1.5, {}),
        ("level", "gauge", 0.5, {}),
    ]


async def test_a_metric_that_is_no_number_fails(shop):
    outcome = await shop.run({"type": "core.metric.Publish", "metrics": [{"name": "rows", "value": "many"}]})

    assert outcome.state is State.FAILED
    assert await shop.log() == ["ERROR metric `rows`: the value must be a number, but is `many`"]


async def test_sleep_sleeps(shop):
    started = shop.ports.clock.monotonic()

    await shop.run({"type": "core.flow.Sleep", "duration": "PT0.2S"})

    assert shop.ports.clock.monotonic() - started >= 0.2

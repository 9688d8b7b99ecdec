"""One attempt: rendering, time, outcome, log."""

from __future__ import annotations

import asyncio
import base64

import pytest

from batuta.model.inputs import Input, InputType
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugin.task import TaskWarned
from batuta.plugins.core.flow.sleep import Sleep
from batuta.secrets.environment import EnvironmentSecrets
from batuta.worker.attempt import clock_text
from tests.support.workshop import seconds


async def test_properties_are_rendered_with_the_names_of_the_run(shop):
    outcome = await shop.run(
        {"type": "core.debug.Return", "format": "{{ inputs.day }} {{ taskrun.id }}"}, inputs={"day": "monday"}
    )

    assert outcome.outputs == {"value": f"monday {shop.last.inputs.run.id}"}


async def test_an_expression_that_fails_fails_the_task_with_its_place(shop):
    outcome = await shop.run({"type": "core.debug.Return", "format": "{{ outputs.nothing }}"})

    (line,) = await shop.log()
    assert outcome.state is State.FAILED
    assert line.startswith("ERROR Unable to find `nothing` used in the expression `{{ outputs.nothing }}`")


async def test_a_value_that_does_not_fit_fails_the_task(shop):
    outcome = await shop.run({"type": "core.flow.Sleep", "duration": "{{ 'soon' }}"})

    assert outcome.state is State.FAILED
    assert await shop.log() == [
        "ERROR duration: must be an ISO 8601 duration such as PT15M or P1D, but is `soon`"
    ]


async def test_outside_values_are_fetched_as_they_are_asked_for(shop, monkeypatch):
    monkeypatch.setenv("SECRET_ONE", base64.b64encode(b"first-secret").decode())
    monkeypatch.setenv("SECRET_TWO", base64.b64encode(b"second-secret").decode())
    shop.ports.secrets = EnvironmentSecrets()

    outcome = await shop.run(
        {"type": "core.debug.Return", "format": "{{ secret('ONE') }} {{ secret('TWO') }}"}
    )

    assert outcome.outputs == {"value": "first-secret second-secret"}


async def test_secrets_are_masked_in_the_log(shop, monkeypatch):
    monkeypatch.setenv("SECRET_ONE", base64.b64encode(b"first-secret").decode())
    shop.ports.secrets = EnvironmentSecrets()

    await shop.run({"type": "core.log.Log", "message": "it is {{ secret('ONE') }}"})

    assert await shop.log() == ["INFO it is ******"]


async def test_values_of_secret_inputs_are_masked_too(shop):
    import msgspec

    inputs = shop.inputs(
        {"type": "core.log.Log", "message": "{{ inputs.key }}"}, inputs={"key": "open-sesame"}
    )
    flow = msgspec.structs.replace(inputs.flow, inputs=(Input(id="key", type=InputType.SECRET),))
    from batuta.worker.attempt import Attempt

    shop.last = Attempt(shop.bench, msgspec.structs.replace(inputs, flow=flow), 0)
    await shop.last.run()
    await shop.bench.journal.flush()

    assert await shop.log() == ["INFO ******"]


async def test_a_missing_secret_fails_the_task(shop):
    outcome = await shop.run({"type": "core.debug.Return", "format": "{{ secret('NONE') }}"})

    assert outcome.state is State.FAILED
    assert "Cannot find secret for key 'NONE'." in (await shop.log())[0]


async def test_lines_below_the_tasks_level_are_not_kept(shop):
    await shop.run({"type": "core.log.Log", "message": "quiet", "level": "INFO", "logLevel": "WARN"})

    assert await shop.log() == []


async def test_the_timeout_is_rendered_and_named(shop):
    outcome = await shop.run(
        {"type": "core.flow.Sleep", "duration": "PT60S", "timeout": "{{ inputs.t }}"}, inputs={"t": "PT0.05S"}
    )

    assert outcome.state is State.FAILED
    assert await shop.log() == ["ERROR Timeout after 00:00:00.050"]


async def test_a_timeout_that_is_no_duration_fails_the_task(shop):
    outcome = await shop.run({"type": "core.flow.Sleep", "duration": "PT0S", "timeout": "{{ 'x' }}"})

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR timeout: `x` is not an ISO 8601 duration")


@pytest.mark.parametrize(
    ("given", "shown"), [(0.8, "00:00:00.800"), (3_725, "01:02:05.000"), (360_000, "100:00:00.000")]
)
def test_durations_are_shown_by_the_clock(given, shown):
    assert clock_text(seconds(given)) == shown


async def test_a_killed_attempt_ends_as_killed(shop):
    attempt = shop.attempt({"type": "core.flow.Sleep", "duration": "PT60S"})
    running = asyncio.create_task(attempt.run())
    await asyncio.sleep(0)

    attempt.kill()

    assert (await running).state is State.KILLED
    assert attempt.context.cancelled


async def test_an_attempt_that_is_killed_before_it_begins_does_nothing(shop):
    attempt = shop.attempt({"type": "core.log.Log", "message": "never"})
    attempt.kill()

    assert (await attempt.run()).state is State.KILLED


async def test_callbacks_run_when_an_attempt_is_asked_to_stop_and_not_otherwise(shop):
    context = shop.attempt({"type": "core.log.Log", "message": "x"}).context
    called = []
    with context.stopping() as over:
        over.callback(called.append, "over")
    with context.stopping() as stopping:
        stopping.callback(called.append, "stopped")

        context.stop()

    assert called == ["stopped"]


async def test_an_unknown_type_fails_with_a_suggestion(shop):
    outcome = await shop.run({"type": "core.log.Logg", "message": "x"})

    assert outcome.state is State.FAILED
    assert await shop.log() == [
        "ERROR Invalid type: io.kestra.plugin.core.log.Logg\n"
        "  fix: did you mean `io.kestra.plugin.core.log.Log`?"
    ]


async def test_an_unexpected_error_names_its_class_and_keeps_its_traceback_at_debug(shop, monkeypatch):
    from batuta.plugins.core.debug.returning import Return

    def explode(self, ctx):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Return, "compute", explode)
    outcome = await shop.run({"type": "core.debug.Return", "format": "x"})

    assert outcome.state is State.FAILED
    assert await shop.log(LogLevel.ERROR) == ["ERROR ZeroDivisionError: by zero"]
    assert "Traceback" in (await shop.log())[1]


async def test_a_library_that_is_not_installed_is_named_with_the_command_that_installs_it(shop, monkeypatch):
    import sys

    # Whoever has imported the family before in this process still has the library.
    monkeypatch.delitem(sys.modules, "batuta.plugins.jdbc.duckdb.database", raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    outcome = await shop.run({"type": "jdbc.duckdb.Query", "sql": "SELECT 1"})

    assert outcome.state is State.FAILED
    assert await shop.log(LogLevel.ERROR) == [
        "ERROR `io.kestra.plugin.jdbc.duckdb.Query` needs an optional library that is not installed\n"
        "  fix: run `pip install 'batuta[duckdb]'`"
    ]


async def test_a_task_may_warn_and_keeps_its_outputs(shop, monkeypatch):
    async def run(self, ctx):
        raise TaskWarned("three rows were odd", {"rows": 3})

    monkeypatch.setattr(Sleep, "run", run)

    outcome = await shop.run({"type": "core.flow.Sleep", "duration": "PT1S"})

    assert outcome.state is State.WARNING
    assert outcome.outputs == {"rows": 3}
    assert await shop.log() == ["WARN three rows were odd"]

"""Triggers that run a script and look at how it ended."""

from __future__ import annotations

import pytest

from batuta.plugins.scripts.polling import matches
from tests.plugins.messaging.conftest import program_in


@pytest.fixture
async def program(tmp_path):
    async with program_in(tmp_path / "data") as program:
        yield program


def looking(script, condition, **more):
    lines = [
        "taskRunner: {type: io.kestra.plugin.core.runner.Process}",
        "interval: PT1S",
        f"exitCondition: '{condition}'",
        f"script: {script}",
    ]
    return "\n".join(lines + [f"{name}: {value}" for name, value in more.items()])


@pytest.mark.parametrize(
    ("condition", "code", "outputs", "fits"),
    [
        ("exit 1", 1, {}, True),
        ("EXIT 1", 1, {}, True),
        ("exit 1", 0, {}, False),
        ("3", 3, {}, True),
        ("ready", 0, {"status": "ready"}, True),
        ('"n":[0-9]+', 0, {"n": 12}, True),
        ("ready", 0, {}, False),
        ("(", 0, {"a": "("}, True),
    ],
)
def test_conditions(condition, code, outputs, fits):
    assert matches(condition, code, outputs) is fits


async def test_the_flow_starts_when_the_condition_begins_to_hold(program, tmp_path):
    mark = tmp_path / "mark"
    await program.save(looking(f"test ! -f {mark}", "exit 1"), "scripts.shell.ScriptTrigger")

    async def has_looked():
        record = await program.record()
        return record is not None and record.evaluated_at

    await program.until(has_looked)
    assert await program.present() == []
    mark.touch()
    [execution] = await program.executions(1)
    told = execution.trigger.variables
    assert (told["exitCode"], told["condition"]) == (1, "exit 1")
    first = (await program.record()).evaluated_at

    async def has_looked_again():
        return (await program.record()).evaluated_at > first

    await program.until(has_looked_again)
    assert len(await program.present()) == 1


async def test_outputs_of_the_script_are_told(program):
    script = """'echo ''::{"outputs": {"status": "ready"}}::'''"""
    await program.save(looking(script, "ready"), "scripts.shell.ScriptTrigger")
    [execution] = await program.executions(1)
    assert execution.trigger.variables["vars"] == {"status": "ready"}

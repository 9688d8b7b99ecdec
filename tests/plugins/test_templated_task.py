"""A task that a template writes (triggers-and-stores spec A23)."""

from __future__ import annotations

import pytest

from batuta.model.state import State
from batuta.model.task import LogLevel

TYPE = "core.templating.TemplatedTask"


async def test_the_described_task_runs_with_the_outputs_of_its_own(shop):
    spec = """
        type: io.kestra.plugin.core.debug.Return
        format: "{{ inputs.greeting }} from {{ task.id }}"
    """

    outcome = await shop.run({"type": TYPE, "spec": spec}, inputs={"greeting": "Hello"})

    assert outcome.state is State.SUCCESS, await shop.log()
    assert outcome.outputs == {"value": "Hello from t"}


async def test_the_type_may_come_from_a_template(shop):
    spec = "type: io.kestra.plugin.core.log.{{ inputs.kind }}\nmessage: hi"

    await shop.run({"type": TYPE, "spec": spec}, inputs={"kind": "Log"})

    assert await shop.log() == ["INFO hi"]


async def test_a_script_sees_the_working_directory_of_the_task(shop):
    spec = """
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner: {type: io.kestra.plugin.core.runner.Process}
        outputFiles: ["a.txt"]
        commands: ["echo hi > a.txt"]
    """

    outcome = await shop.run({"type": TYPE, "spec": spec})

    assert outcome.state is State.SUCCESS, await shop.log()
    assert await shop.content(outcome.outputs["outputFiles"]["a.txt"]) == b"hi\n"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("type: io.kestra.plugin.core.flow.Sequential", "The templated task must be a runnable task"),
        ("type: io.kestra.plugin.core.flow.WorkingDirectory", "The templated task must be a runnable task"),
        (
            "type: io.kestra.plugin.core.templating.TemplatedTask\nspec: 'type: x'",
            "The templated task cannot be of type 'io.kestra.plugin.core.templating.TemplatedTask'",
        ),
        ("type: io.kestra.plugin.core.log.Lag", "Invalid type: io.kestra.plugin.core.log.Lag"),
        ("just text", "spec: the text is not a task"),
        ("{", "spec: "),
        ("type: io.kestra.plugin.core.log.Log", "message: must not be null"),
        ("type: io.kestra.plugin.core.execution.Fail\nerrorMessage: no", "no"),
    ],
)
async def test_what_cannot_run_fails_with_the_reason_once(shop, spec, message):
    outcome = await shop.run({"type": TYPE, "spec": spec})

    assert outcome.state is State.FAILED
    (line,) = await shop.log(LogLevel.ERROR)
    assert line.startswith(f"ERROR {message}")

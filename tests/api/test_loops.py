"""Loops whose iterations are executions: files of values, stored results, very many iterations, restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from batuta.app import running
from batuta.bus.port import ExecutionChanged
from batuta.settings.tree import Settings
from batuta.web.app import create_app
from tests.api.conftest import Api

OVER_A_FILE = """
id: over-a-file
namespace: company.team
tasks:
  - id: file
    type: io.kestra.plugin.core.storage.Write
    content: |
      {"a": 1}
      "two"
      3
    extension: .ion
  - id: each
    type: io.kestra.plugin.core.flow.Loop
    values: "{{ outputs.file.uri }}"
    concurrencyLimit: 1
    outputs:
      - id: v
        type: STRING
        value: "{{ outputs.t.value }}"
    tasks:
      - id: t
        type: io.kestra.plugin.core.debug.Return
        format: "{{ item.index }}:{{ item.value }}"
  - id: all
    type: io.kestra.plugin.core.debug.Return
    format: "{{ read(outputs.each.uri) }}"
"""
MANY = """
id: many
namespace: company.team
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.Loop
    values: "{{ range(1, 600) }}"
    outputs:
      - id: v
        type: STRING
        value: "{{ outputs.t.value }}"
    tasks:
      - id: t
        type: io.kestra.plugin.core.debug.Return
        format: "{{ item.value }} {{ range(1, 60) }}"
  - id: count
    type: io.kestra.plugin.core.debug.Return
    format: "{{ loopOutputs(outputs.each.outputs, 'v') | length }}"
"""
SLOW = """
id: slow
namespace: company.team
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.Loop
    values: [a, b, c, d]
    concurrencyLimit: 1
    outputs:
      - id: v
        type: STRING
        value: "{{ item.value }}"
    tasks:
      - id: t
        type: io.kestra.plugin.core.flow.Sleep
        duration: PT0.3S
"""


async def test_the_rows_of_a_file_are_values_and_what_iterations_give_becomes_files(api: Api) -> None:
    await api.save(OVER_A_FILE)

    ended = await api.run("company.team/over-a-file")

    by_task = {run["taskId"]: run["outputs"] for run in ended["taskRunList"]}
    first = by_task["each"]["outputs"][0]
    assert first["item"] == {"value": '{"a":1}', "iteration": 0}
    assert list(first["outputs"]) == ["uri"]
    assert by_task["all"]["value"].splitlines() == [
        '{"item":{"value":"{\\"a\\":1}","iteration":0},"outputs":{"v":"0:{\\"a\\":1}"}}',
        '{"item":{"value":"two","iteration":1},"outputs":{"v":"1:two"}}',
        '{"item":{"value":"3","iteration":2},"outputs":{"v":"2:3"}}',
    ]


async def test_the_results_of_very_many_iterations_are_moved_to_storage(api: Api) -> None:
    await api.save(MANY)

    ended = await api.run("company.team/many")

    by_task = {run["taskId"]: run["outputs"] for run in ended["taskRunList"]}
    assert by_task["count"] == {"value": "600"}
    assert by_task["each"]["terminatedIterations"] == {"SUCCESS": 600}
    [row] = [run for run in await api.ports.store.executions.task_runs(ended["id"]) if run.task_id == "each"]
    assert len(str(row)) < 5_000
    assert await api.ports.store.executions.parts(ended["id"]) == {}


async def test_a_loop_goes_on_where_it_was_when_the_program_starts_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    async with running(settings) as ports:
        transport = httpx.ASGITransport(app=create_app(ports, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://batuta") as http:
            api = Api(http, ports)
            await api.save(SLOW)
            async with ports.bus.subscribe(ExecutionChanged) as hints:
                started = await api.call("POST", "/executions/company.team/slow")
                while not any(
                    name != "items" for _, name in await ports.store.executions.parts(started["id"])
                ):
                    await anext(hints)

    async with running(settings) as ports:
        async with ports.bus.subscribe(ExecutionChanged) as hints:
            while not (await ports.store.executions.get(started["id"])).settled:
                await asyncio.wait_for(anext(hints), 20)
        [loop] = await ports.store.executions.task_runs(started["id"])

    assert [each["outputs"]["v"] for each in loop.outputs["outputs"]] == ["a", "b", "c", "d"]
    assert loop.outputs["terminatedIterations"] == {"SUCCESS": 4}

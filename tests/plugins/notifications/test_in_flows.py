"""Notifications in flows: as a task, in `errors`, and of other executions through a Flow trigger."""

from __future__ import annotations

import asyncio

import pytest

from batuta.app import running
from batuta.settings.tree import Settings
from batuta.web.app import create_app
from tests.api.conftest import Api


@pytest.fixture
async def api(tmp_path):
    import httpx

    settings = Settings(data_dir=tmp_path, url="https://batuta.example")
    async with running(settings) as ports:
        transport = httpx.ASGITransport(app=create_app(ports, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://batuta") as http:
            yield Api(http, ports)


def embed(chat):
    (report,) = chat.last["embeds"]
    return report


async def test_as_a_task_it_tells_of_its_own_execution(api, chat):
    await api.save(f"""\
        id: hello
        namespace: company.team
        tasks:
          - id: work
            type: io.kestra.plugin.core.debug.Return
          - id: tell
            type: io.kestra.plugin.notifications.discord.DiscordExecution
            url: {chat.url}
            content: "{{{{ outputs.work | toJson }}}}"
        """)

    execution = await api.run("company.team/hello")

    assert execution["state"]["current"] == "SUCCESS"
    report = embed(chat)
    assert report["title"] == "[company.team] hello ➛ RUNNING"
    assert report["description"].startswith("Succeeded after 0.")
    assert report["url"] == f"https://batuta.example/ui/main/executions/company.team/hello/{execution['id']}"
    assert {"name": "Final task ID", "value": "work", "inline": True} in report["fields"]


async def test_in_errors_it_names_the_task_that_failed(api, chat):
    await api.save(f"""\
        id: load
        namespace: company.team
        tasks:
          - id: around
            type: io.kestra.plugin.core.flow.Sequential
            tasks:
              - id: breaks
                type: io.kestra.plugin.core.execution.Fail
        errors:
          - id: tell
            type: io.kestra.plugin.slack.SlackExecution
            url: {chat.url}
        """)

    execution = await api.run("company.team/load")

    assert execution["state"]["current"] == "FAILED"
    (section,) = chat.last["blocks"]
    assert section["text"]["text"].splitlines()[1].startswith("Failed on task `breaks` after ")
    assert section["accessory"]["url"].endswith(execution["id"])
    assert chat.last["attachments"][0]["color"] == "danger"


async def test_a_flow_trigger_tells_of_other_executions(api, chat):
    await api.save(f"""\
        id: alert
        namespace: system
        tasks:
          - id: tell
            type: io.kestra.plugin.discord.DiscordExecution
            url: {chat.url}
            executionId: "{{{{ trigger.executionId }}}}"
        triggers:
          - id: failed
            type: io.kestra.plugin.core.trigger.Flow
            conditions:
              - type: io.kestra.plugin.core.condition.ExecutionStatus
                in: [FAILED, WARNING]
              - type: io.kestra.plugin.core.condition.ExecutionNamespace
                namespace: prod
                prefix: true
        """)
    await api.save("""\
        id: load
        namespace: prod.loads
        tasks:
          - id: fine
            type: io.kestra.plugin.core.debug.Return
          - id: breaks
            type: io.kestra.plugin.core.execution.Fail
        """)

    execution = await api.run("prod.loads/load")

    await asyncio.to_thread(chat.wait_for, 1)
    report = embed(chat)
    assert report["title"] == "[prod.loads] load ➛ FAILED"
    assert report["description"].startswith("Failed on task `breaks` after ")
    assert report["url"].endswith(f"/prod.loads/load/{execution['id']}")


async def test_a_message_that_fails_does_not_hide_why_the_flow_failed(api, chat):
    chat.code = 500
    await api.save(f"""\
        id: load
        namespace: company.team
        tasks:
          - id: breaks
            type: io.kestra.plugin.core.execution.Fail
            errorMessage: the reason
        errors:
          - id: tell
            type: io.kestra.plugin.discord.DiscordExecution
            url: {chat.url}
        """)

    execution = await api.run("company.team/load")

    assert execution["state"]["current"] == "FAILED"
    states = {run["taskId"]: run["state"]["current"] for run in execution["taskRunList"]}
    assert states == {"breaks": "FAILED", "tell": "FAILED"}
    log = await api.call("GET", f"/logs/{execution['id']}")
    assert [line["message"] for line in log if line["level"] == "ERROR"] == [
        "the reason",
        f"{chat.address[7:]} refused the message with status 500",
    ]

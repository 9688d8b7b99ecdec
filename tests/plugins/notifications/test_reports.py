"""Messages about executions: state, link, duration, the task that failed, and fields of one's own."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from batuta.model.state import State
from batuta.plugins.notifications.report import in_words
from batuta.store.batch import Batch

SERVER = {"kestra": {"url": "https://batuta.example"}}


def about(execution_id, url, type="discord.DiscordExecution", **more):
    return {"type": type, "url": url, "executionId": execution_id, **more}


async def told(shop, chat, task, **names):
    outcome = await shop.run(task, **SERVER, **names)
    assert outcome.state is State.SUCCESS, await shop.log()
    return chat.last


async def test_discord_keeps_content_and_embeds_as_written_and_adds_the_report(shop, chat, ended):
    execution = await ended(State.FAILED, extract=State.SUCCESS, load=State.FAILED)

    said = await told(
        shop,
        chat,
        about(
            execution,
            chat.url,
            username="Star robot",
            avatarUrl="https://example.com/a.png",
            content="Stars: 5",
            embedList=[
                {"title": "Star count", "color": [255, 255, 255], "footer": "hourly", "authorName": "me"}
            ],
        ),
    )

    own, report = said.pop("embeds")
    assert said == {
        "username": "Star robot",
        "avatar_url": "https://example.com/a.png",
        "tts": False,
        "content": "Stars: 5",
    }
    assert own == {
        "title": "Star count",
        "color": 0xFFFFFF,
        "footer": {"text": "hourly"},
        "author": {"name": "me"},
    }
    assert report["title"] == "[company.team] nightly_load ➛ FAILED"
    assert report["description"] == "Failed on task `load` after 3 minutes 20 seconds"
    assert report["url"] == (
        f"https://batuta.example/ui/main/executions/company.team/nightly_load/{execution}"
    )
    assert {field["name"]: field["value"] for field in report["fields"]} == {
        "Namespace": "company.team",
        "Flow ID": "nightly_load",
        "Execution ID": execution,
        "Execution Status": "FAILED",
        "Final task ID": "load",
    }


async def test_ten_embeds_leave_the_report_a_place_in_the_last_one(shop, chat, ended):
    embeds = [{"title": str(number)} for number in range(10)]

    said = await told(shop, chat, about(await ended(), chat.url, embedList=embeds))

    assert [each["title"] for each in said["embeds"]] == [str(number) for number in range(10)]
    assert said["embeds"][-1]["description"] == "Succeeded after 3 minutes 20 seconds"


@pytest.mark.parametrize("color", [[1, 2], [0, 0, 256]])
async def test_a_colour_that_is_none_is_an_error(shop, chat, ended, color):
    outcome = await shop.run(about(await ended(), chat.url, embedList=[{"color": color}]))

    assert outcome.state is State.FAILED
    assert "is not a colour\n  at embedList.color" in (await shop.log())[0]


@pytest.mark.parametrize(
    ("state", "color"), [(State.SUCCESS, "good"), (State.WARNING, "warning"), (State.FAILED, "danger")]
)
async def test_slack_tells_by_blocks_and_one_attachment(shop, chat, ended, state, color):
    execution = await ended(state, load=state)

    said = await told(
        shop,
        chat,
        about(
            execution,
            chat.url,
            "slack.SlackExecution",
            channel="#loads",
            iconEmoji=":bell:",
            customMessage="Who is on call?",
            customFields={"Team": "Data", "Try": 2},
        ),
    )

    assert (said["channel"], said["icon_emoji"]) == ("#loads", ":bell:")
    assert "username" not in said
    (section,) = said["blocks"]
    assert section["text"]["text"].splitlines()[0] == f"*[company.team] nightly_load ➛ {state}*"
    assert section["text"]["text"].splitlines()[-1] == "Who is on call?"
    assert section["accessory"]["url"].endswith(f"/{execution}")
    (attachment,) = said["attachments"]
    assert attachment["color"] == color
    assert {field["title"]: field["value"] for field in attachment["fields"]} == {
        "Namespace": "company.team",
        "Flow ID": "nightly_load",
        "Execution ID": execution,
        "Execution Status": state.value,
        "Final task ID": "load",
        "Team": "Data",
        "Try": "2",
    }


async def test_a_payload_of_ones_own_takes_the_place_of_the_report(shop, chat):
    await shop.run(about("none", chat.url, payload='{"content": "mine"}'))

    assert chat.last == {"content": "mine"}


async def test_the_innermost_failed_task_is_named(shop, chat, ended):
    execution = await ended(State.FAILED, around=State.FAILED, inner=State.FAILED, clean=State.SUCCESS)

    said = await told(shop, chat, about(execution, chat.url))

    assert said["embeds"][0]["description"].startswith("Failed on task `inner` after")


async def test_without_an_address_of_the_server_there_is_no_link(shop, chat, ended):
    await shop.run(about(await ended(), chat.url))

    assert "url" not in chat.last["embeds"][0]


async def test_texts_of_the_report_can_be_replaced(shop, chat, ended):
    values = {"duration": "ages", "link": "https://else.where/x", "Owner": "Ada"}

    said = await told(shop, chat, about(await ended(), chat.url, templateRenderMap=values))

    (report,) = said["embeds"]
    assert (report["description"], report["url"]) == ("Succeeded after ages", "https://else.where/x")
    assert report["fields"][-1] == {"name": "Owner", "value": "Ada", "inline": True}


async def test_an_unknown_execution_is_an_error(shop, chat):
    outcome = await shop.run(about("nowhere", chat.url))

    assert outcome.state is State.FAILED
    assert await shop.log() == ["ERROR There is no execution `nowhere`"]


async def test_another_execution_is_waited_for_until_it_has_ended(shop, chat, ended):
    execution_id = await ended(State.RUNNING)
    attempt = asyncio.create_task(told(shop, chat, about(execution_id, chat.url)))
    running = await shop.ports.store.executions.get(execution_id)

    end = running.state.to(State.KILLED, running.state.started_at + timedelta(hours=26))
    await shop.ports.store.commit(
        Batch(executions={execution_id: msgspec.structs.replace(running, state=end)})
    )

    (report,) = (await attempt)["embeds"]
    assert report["description"] == "Killed after 1 day 2 hours"


@pytest.mark.parametrize("state", ["RUNNING", "PAUSED"])
async def test_the_state_that_a_flow_trigger_saw_need_not_be_the_end(shop, chat, ended, state):
    execution_id = await ended(State.RUNNING)
    execution = await shop.ports.store.executions.get(execution_id)
    now = execution.state.to(State.PAUSED, execution.state.started_at + timedelta(seconds=1))
    await shop.ports.store.commit(
        Batch(executions={execution_id: msgspec.structs.replace(execution, state=now)})
    )

    said = await told(
        shop, chat, about(execution_id, chat.url), trigger={"executionId": execution_id, "state": state}
    )

    assert said["embeds"][0]["title"].endswith("➛ PAUSED")


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(milliseconds=520), "0.52 seconds"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=3, seconds=20), "3 minutes 20 seconds"),
        (timedelta(days=2, hours=1, minutes=5), "2 days 1 hour"),
    ],
)
def test_durations_are_told_in_two_units(duration, words):
    assert in_words(duration) == words

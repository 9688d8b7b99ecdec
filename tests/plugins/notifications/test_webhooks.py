"""Messages through webhooks: what arrives, and what is shown when nothing does."""

from __future__ import annotations

import socket

import pytest

from batuta.model.state import State
from tests.plugins.notifications.service import TOKEN

DISCORD = "discord.DiscordIncomingWebhook"


def message(url, payload='{"content": "hi"}', *, type=DISCORD, **more):
    return {"type": type, "url": url, "payload": payload, **more}


async def refusal(shop, task, **names):
    outcome = await shop.run(task, **names)
    assert outcome.state is State.FAILED
    (line,) = await shop.log()
    return line


async def test_a_payload_arrives_as_it_is_written(shop, chat):
    payload = '{"content": "It\'s {{ inputs.day }}", "embeds": [{"title": "ü"}]}'

    outcome = await shop.run(message(chat.url, payload), inputs={"day": "monday"})

    assert outcome.state is State.SUCCESS, await shop.log()
    assert outcome.outputs is None
    (heard,) = chat.heard
    assert heard.path == f"/services/{TOKEN}"
    assert heard.headers["content-type"] == "application/json"
    assert heard.json == {"content": "It's monday", "embeds": [{"title": "ü"}]}
    assert await shop.log() == [f"INFO {chat.address[7:]} has taken the message, with status 204"]


async def test_a_payload_may_be_written_as_a_map(shop, chat):
    await shop.run(message(chat.url, {"content": "{{ inputs.day }}"}), inputs={"day": "monday"})

    assert chat.last == {"content": "monday"}


async def test_both_generations_of_names_mean_the_same_type(shop, chat):
    outcome = await shop.run(message(chat.url, type="notifications.discord.DiscordIncomingWebhook"))

    assert outcome.state is State.SUCCESS
    assert chat.last == {"content": "hi"}


async def test_headers_can_be_added(shop, chat):
    await shop.run(
        message(chat.url, options={"headers": {"X-Env": "{{ inputs.env }}"}}), inputs={"env": "prod"}
    )

    assert chat.heard[0].headers["x-env"] == "prod"


@pytest.mark.parametrize("payload", ['{"content": "say "hi""}', "{{ inputs.text }}"])
async def test_a_payload_that_is_no_json_is_not_sent(shop, chat, payload):
    line = await refusal(shop, message(chat.url, payload), inputs={"text": "plain"})

    assert line.startswith("ERROR the text is not JSON after rendering")
    assert "  at payload\n  fix: put values into it with `| toJson`" in line
    assert chat.heard == []


@pytest.mark.parametrize("code", [400, 404, 429, 500, 503])
async def test_a_refusal_fails_the_task_with_the_words_of_the_service(shop, chat, code):
    chat.code, chat.said = code, '{"message": "no such channel"}'

    line = await refusal(shop, message(chat.url))

    assert line == (
        f'ERROR {chat.address[7:]} refused the message with status {code}:\n{{"message": "no such channel"}}'
    )


async def test_what_a_service_says_is_shown_without_the_address(shop, chat):
    chat.code, chat.said = 404, f"nothing at PATH, token {TOKEN}"

    line = await refusal(shop, message(chat.url))

    assert TOKEN not in line
    assert line.endswith("nothing at ******, token ******")


async def test_a_message_is_not_sent_on_to_another_address(shop, chat):
    chat.code, chat.location = 302, "https://elsewhere.example/login"

    line = await refusal(shop, message(chat.url))

    assert "sends the message on to elsewhere.example, with status 302" in line


async def test_nobody_there_is_told_by_host_and_not_by_address(shop):
    line = await refusal(shop, message(f"http://127.0.0.1:9/services/{TOKEN}"))

    assert line.startswith("ERROR 127.0.0.1:9 cannot be reached: ")
    assert TOKEN not in line


async def test_a_silent_service_is_given_up(shop):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/services/{TOKEN}"
        line = await refusal(
            shop, message(url, options={"readTimeout": "PT0.2S", "connectTimeout": "PT0.1S"})
        )

    assert "gave no answer in time" in line
    assert TOKEN not in line


@pytest.mark.parametrize(
    "url",
    [
        f"hooks.example.com/{TOKEN}",
        f"ftp://hooks.example.com/{TOKEN}",
        f"https://[::1/{TOKEN}",
        f"http:///{TOKEN}",
    ],
)
async def test_what_is_no_address_is_not_repeated(shop, url):
    line = await refusal(shop, message(url))

    assert line.startswith("ERROR that is not an address\n  at url\n  fix: write the whole address")
    assert TOKEN not in line


async def test_a_missing_secret_is_named(shop):
    line = await refusal(shop, message("{{ secret('DISCORD_WEBHOOK') }}"))

    assert "Cannot find secret for key 'DISCORD_WEBHOOK'" in line


async def test_slack_takes_plain_words(shop, chat):
    await shop.run({"type": "slack.SlackIncomingWebhook", "url": chat.url, "messageText": 'all "good"'})

    assert chat.last == {"text": 'all "good"'}


async def test_nothing_to_send_is_an_error(shop, chat):
    line = await refusal(shop, {"type": "slack.SlackIncomingWebhook", "url": chat.url})

    assert line == "ERROR there is nothing to send\n  at payload\n  fix: write the message in JSON"

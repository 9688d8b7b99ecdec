"""What each service gets: its own shape, its own credentials, and never a secret in the log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from urllib.parse import parse_qs, quote

import pytest

from batuta.model.state import State
from batuta.plugin import registry
from tests.plugins.notifications.service import TOKEN

SERVER = {"kestra": {"url": "https://batuta.example"}}
SECRET = "tok-0123456789abcdef"


@pytest.fixture
async def failed(ended):
    return await ended(State.FAILED, extract=State.SUCCESS, load=State.FAILED)


async def tell(shop, chat, task):
    """What arrives; the secrets are nowhere in the log, also when the service repeats them."""
    outcome = await shop.run(task, **SERVER)
    assert outcome.state is State.SUCCESS, await shop.log()
    heard = chat.heard[-1]
    told = SECRET if SECRET in str(task) else "no"
    chat.code, chat.said = 403, f"{told} to PATH"
    outcome = await shop.run(task, **SERVER)
    assert outcome.state is State.FAILED
    (line,) = await shop.log()
    assert "refused the message with status 403" in line
    assert SECRET not in line
    assert TOKEN not in line
    return heard


def about(execution, type, **more):
    return {"type": type, "executionId": execution, "customFields": {"Team": "Data"}, **more}


async def test_teams_gets_a_card(shop, chat, failed):
    heard = await tell(
        shop, chat, about(failed, "notifications.teams.TeamsExecution", url=chat.url, activityTitle="Load")
    )

    card = heard.json
    assert (card["@type"], card["themeColor"]) == ("MessageCard", "0076D7")
    (section,) = card["sections"]
    assert section["activityTitle"] == "Load"
    assert section["activitySubtitle"] == "Failed on task `load` after 3 minutes 20 seconds"
    assert section["text"] == "[company.team] nightly_load ➛ FAILED"
    assert {"name": "Team", "value": "Data"} in section["facts"]
    assert card["potentialAction"][0]["targets"][0]["uri"].endswith(failed)


async def test_telegram_gets_a_text_by_way_of_the_token(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(
            failed,
            "telegram.TelegramExecution",
            endpointOverride=chat.address,
            token=f"60903:{SECRET}",
            channel="2072",
        ),
    )

    assert heard.path == f"/bot60903:{SECRET}/sendMessage"
    assert heard.json["chat_id"] == "2072"
    lines = heard.json["text"].splitlines()
    assert lines[:2] == [
        "[company.team] nightly_load ➛ FAILED",
        "Failed on task `load` after 3 minutes 20 seconds",
    ]
    assert lines[-1].startswith("Link: https://batuta.example/ui/main/executions/")


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("plain words", {"chat_id": "1", "text": "plain words"}),
        ('{"text": "in JSON", "silent": true}', {"chat_id": "1", "text": "in JSON", "silent": True}),
    ],
)
async def test_telegram_takes_words_and_json(shop, chat, payload, said):
    heard = await tell(
        shop,
        chat,
        {
            "type": "telegram.TelegramSend",
            "endpointOverride": chat.address,
            "token": SECRET,
            "channel": "1",
            "payload": payload,
        },
    )

    assert heard.json == said


async def test_what_means_something_to_telegram_is_taken_literally(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(
            failed,
            "telegram.TelegramExecution",
            endpointOverride=chat.address,
            token=SECRET,
            channel="1",
            parseMode="MARKDOWNV2",
        ),
    )

    assert heard.json["parse_mode"] == "MarkdownV2"
    assert heard.json["text"].startswith(r"\[company\.team\] nightly\_load ➛ FAILED")


async def test_google_chat_gets_one_text(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(failed, "notifications.google.GoogleChatExecution", url=chat.url, text="Look!"),
    )

    lines = heard.json["text"].splitlines()
    assert lines[:2] == ["Look!", "*[company.team] nightly_load ➛ FAILED*"]
    assert lines[-1].endswith("|Show the execution>")


async def test_zulip_gets_one_text(shop, chat, failed):
    heard = await tell(shop, chat, about(failed, "zulip.ZulipExecution", url=chat.url, channel="loads"))

    assert heard.json["channel"] == "loads"
    assert heard.json["text"].splitlines()[0] == "**[company.team] nightly_load ➛ FAILED**"


async def test_opsgenie_gets_an_alert_with_the_key(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(
            failed,
            "opsgenie.OpsgenieExecution",
            url=chat.url,
            authorizationToken=SECRET,
            responders={"id1": "team"},
            tags=["a"],
            priority="P1",
        ),
    )

    assert heard.headers["authorization"] == f"GenieKey {SECRET}"
    alert = heard.json
    assert alert["message"] == "[company.team] nightly_load ➛ FAILED"
    assert alert["responders"] == [{"id": "id1", "type": "team"}]
    assert alert["details"]["Team"] == "Data"
    assert (alert["tags"], alert["priority"]) == (["a"], "P1")


async def test_pagerduty_gets_an_event(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(
            failed,
            "pagerduty.PagerDutyExecution",
            url=chat.url,
            routingKey=SECRET,
            deduplicationKey="d1",
            payloadSummary="Help",
        ),
    )

    event = heard.json
    assert (event["routing_key"], event["event_action"], event["dedup_key"]) == (SECRET, "trigger", "d1")
    assert (event["payload"]["summary"], event["payload"]["severity"]) == ("Help", "error")
    assert event["payload"]["source"] == "company.team.nightly_load"


async def test_an_unknown_action_of_pagerduty_is_an_error(shop, chat, failed):
    outcome = await shop.run(about(failed, "pagerduty.PagerDutyExecution", url=chat.url, eventAction="open"))

    assert outcome.state is State.FAILED
    assert "`open` is nothing that PagerDuty does" in (await shop.log())[0]


@pytest.mark.parametrize("endpoint", ["ENVELOPE", "STORE"])
async def test_sentry_gets_an_event_of_its_project(shop, chat, failed, endpoint):
    dsn = chat.address.replace("://", f"://{SECRET}@") + "/base/77"
    heard = await tell(shop, chat, about(failed, "sentry.SentryExecution", dsn=dsn, endpointType=endpoint))

    assert heard.path == f"/base/api/77/{endpoint.lower()}/"
    assert f"sentry_key={SECRET}" in heard.headers["x-sentry-auth"]
    lines = heard.body.rstrip("\n").split("\n")
    event = json.loads(lines[-1])
    if endpoint == "ENVELOPE":
        assert [json.loads(line) for line in lines[:2]][1]["length"] == len(lines[2].encode())
    assert re.fullmatch("[0-9a-f]{32}", event["event_id"])
    assert (event["level"], event["transaction"]) == ("error", f"/execution/id/{failed}")
    assert event["extra"]["Flow ID"] == "nightly_load"


@pytest.mark.parametrize("dsn", ["https://host/1", "key@host/1", "https://key@host/"])
async def test_what_is_no_dsn_is_not_repeated(shop, failed, dsn):
    outcome = await shop.run(about(failed, "sentry.SentryExecution", dsn=dsn))

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR that is not a DSN\n  at dsn")


async def test_an_alert_without_a_payload_names_the_execution(shop, chat):
    dsn = chat.address.replace("://", f"://{SECRET}@") + "/77"
    heard = await tell(shop, chat, {"type": "sentry.SentryAlert", "dsn": dsn, "endpointType": "STORE"})

    assert heard.json["extra"] == {"Namespace": "company.team", "Flow ID": "nightly_load"}


async def test_squadcast_gets_an_incident(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(
            failed,
            "squadcast.SquadcastExecution",
            url=chat.url,
            message="Help",
            tags={"severity": "high"},
            eventId="6",
        ),
    )

    incident = heard.json
    assert (incident["message"], incident["status"], incident["event_id"]) == ("Help", "trigger", "6")
    assert incident["tags"] == {"severity": "high"}
    assert "Failed on task `load`" in incident["description"]


async def test_zenduty_gets_an_alert(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(failed, "zenduty.ZendutyExecution", url=chat.url, authorizationToken=SECRET, entityId="e1"),
    )

    assert heard.headers["authorization"] == f"Token {SECRET}"
    alert = heard.json
    assert (alert["alert_type"], alert["entity_id"]) == ("error", "e1")
    assert alert["message"] == "[company.team] nightly_load ➛ FAILED"
    assert alert["urls"][0]["link_url"].endswith(failed)


async def test_twilio_gets_a_form_with_a_login(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(
            failed,
            "notifications.twilio.TwilioExecution",
            url=chat.url,
            accountSID="AC1",
            authToken=SECRET,
            identity="0000001",
        ),
    )

    login = base64.b64encode(f"AC1:{SECRET}".encode()).decode()
    assert heard.headers["authorization"] == f"Basic {login}"
    form = parse_qs(heard.body)
    assert form["Identity"] == ["0000001"]
    assert form["Body"][0].startswith("[company.team] nightly_load ➛ FAILED")


async def test_whatsapp_gets_contacts_and_a_text(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(
            failed,
            "notifications.whatsapp.WhatsAppExecution",
            url=chat.url,
            profileName="Batuta",
            whatsAppIds=["1", "2"],
            **{"from": 380},
        ),
    )

    said = heard.json
    assert [each["wa_id"] for each in said["contacts"]] == ["1", "2"]
    (message,) = said["messages"]
    assert (message["from"], message["type"]) == ("380", "text")


async def test_messenger_writes_to_each_recipient(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(
            failed,
            "meta.messenger.MessengerExecution",
            url=chat.address,
            pageId="9876",
            accessToken=SECRET,
            recipientIds=["a", "b"],
        ),
    )

    assert heard.path == "/9876/messages"
    assert heard.headers["authorization"] == f"Bearer {SECRET}"
    assert [each.json["recipient"]["id"] for each in chat.heard[:2]] == ["a", "b"]
    assert heard.json["messaging_type"] == "UPDATE"


async def test_line_tells_all_friends(shop, chat, failed):
    heard = await tell(
        shop, chat, about(failed, "line.LineExecution", url=chat.url, channelAccessToken=SECRET)
    )

    assert heard.headers["authorization"] == f"Bearer {SECRET}"
    assert heard.json["messages"][0]["type"] == "text"


async def test_x_gets_at_most_280_characters_with_the_link(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        about(failed, "x.XExecution", url=chat.url, bearerToken=SECRET, customMessage="word " * 80),
    )

    text = heard.json["text"]
    assert len(text) == 280
    assert "…\nhttps://batuta.example/ui/main/executions/" in text
    assert heard.headers["authorization"] == f"Bearer {SECRET}"


async def test_x_takes_signed_requests(shop, chat, failed):
    keys = {
        "consumerKey": "ck-12345678",
        "consumerSecret": SECRET,
        "accessToken": "at-12345678",
        "accessSecret": "as-12345678",
    }
    heard = await tell(shop, chat, about(failed, "x.XExecution", url=chat.url, **keys))

    fields = dict(re.findall(r'(\w+)="([^"]*)"', heard.headers["authorization"]))
    signature = fields.pop("oauth_signature")
    parameters = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    base = f"POST&{quote(chat.url, safe='')}&{quote(parameters, safe='')}"
    wanted = hmac.new(f"{SECRET}&as-12345678".encode(), base.encode(), hashlib.sha1).digest()
    assert signature == quote(base64.b64encode(wanted).decode(), safe="")


async def test_x_wants_to_know_who_posts(shop, chat, failed):
    outcome = await shop.run(about(failed, "x.XExecution", url=chat.url, consumerKey="only this"))

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR X does not know who posts\n  fix: set `bearerToken`")


async def test_sendgrid_gets_a_mail_with_files_and_tells_what_it_said(shop, chat):
    logo = await shop.put("logo.png", b"\x89PNG")
    chat.code, chat.said = 202, "queued"
    task = {
        "type": "notifications.sendgrid.SendGridMailSend",
        "url": chat.url,
        "sendgridApiKey": SECRET,
        "from": "batuta@example.com",
        "to": ["ada@example.com"],
        "cc": ["eve@example.com"],
        "subject": "Done",
        "htmlTextContent": '<img src="cid:logo">',
        "embeddedImages": [{"uri": logo, "name": "logo", "contentType": "image/png"}],
    }
    outputs = (await shop.run(task)).outputs
    heard = await tell(shop, chat, task)

    assert (outputs["statusCode"], outputs["body"]) == (202, "queued")
    assert outputs["headers"]["x-message-id"] == "m1"
    assert heard.headers["authorization"] == f"Bearer {SECRET}"
    mail = heard.json
    assert mail["personalizations"] == [
        {"to": [{"email": "ada@example.com"}], "cc": [{"email": "eve@example.com"}]}
    ]
    assert mail["content"] == [{"type": "text/html", "value": '<img src="cid:logo">'}]
    assert mail["attachments"] == [
        {
            "content": base64.b64encode(b"\x89PNG").decode(),
            "filename": "logo",
            "type": "image/png",
            "disposition": "inline",
            "content_id": "logo",
        }
    ]


async def test_any_webhook_gets_the_report_as_data(shop, chat, failed):
    heard = await tell(
        shop,
        chat,
        {**about(failed, "io.batuta.notifications.WebhookExecution", url=chat.url), "customMessage": "Hm"},
    )

    said = heard.json
    text = said.pop("text")
    assert said == {
        "namespace": "company.team",
        "flowId": "nightly_load",
        "executionId": failed,
        "state": "FAILED",
        "startDate": "2026-01-05T09:00:00Z",
        "duration": "3 minutes 20 seconds",
        "link": f"https://batuta.example/ui/main/executions/company.team/nightly_load/{failed}",
        "lastTask": "load",
        "failedTask": "load",
        "customMessage": "Hm",
        "customFields": {"Team": "Data"},
    }
    assert text.splitlines()[1] == "Failed on task `load` after 3 minutes 20 seconds"


@pytest.mark.parametrize(
    "older",
    [
        "discord.Discord",
        "google.GoogleChat",
        "slack.Slack",
        "squadcast.Squadcast",
        "teams.Teams",
        "whatsapp.WhatsApp",
        "zulip.Zulip",
    ],
)
@pytest.mark.parametrize("kind", ["IncomingWebhook", "Execution"])
@pytest.mark.parametrize("prefix", ["io.kestra.plugin.notifications.", "io.kestra.plugin."])
def test_every_generation_of_names_is_known(prefix, older, kind):
    assert registry.canonical(f"{prefix}{older}{kind}") is not None


@pytest.mark.parametrize(
    "name",
    [
        "line.LineExecution",
        "mail.MailExecution",
        "mail.MailSend",
        "messenger.MessengerExecution",
        "opsgenie.OpsgenieAlert",
        "opsgenie.OpsgenieExecution",
        "pagerduty.PagerDutyAlert",
        "pagerduty.PagerDutyExecution",
        "sendgrid.SendGridMailExecution",
        "sendgrid.SendGridMailSend",
        "sentry.SentryAlert",
        "sentry.SentryExecution",
        "telegram.TelegramExecution",
        "telegram.TelegramSend",
        "twilio.TwilioAlert",
        "twilio.TwilioExecution",
        "x.XExecution",
        "zenduty.ZendutyAlert",
        "zenduty.ZendutyExecution",
    ],
)
def test_names_of_the_first_generation_are_known(name):
    assert registry.canonical(f"io.kestra.plugin.notifications.{name}") is not None

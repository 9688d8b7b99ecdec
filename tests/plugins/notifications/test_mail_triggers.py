"""Flows that start when mail comes, over IMAP and POP3."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from batuta.plugins.notifications.mailbox import shown
from tests.plugins.messaging.conftest import program_in
from tests.plugins.notifications import mail_servers
from tests.plugins.notifications.mail_servers import Box, serving
from tests.support import tls

POLLING = "email.MailReceivedTrigger"
REALTIME = "email.RealTimeTrigger"


@pytest.fixture
async def batuta(tmp_path):
    async with program_in(tmp_path / "data") as program:
        yield program


def trigger(port, protocol="IMAP", password="s3cret", **more):
    lines = [
        "host: 127.0.0.1",
        f"port: {port}",
        "username: ada",
        f"password: {password}",
        f"protocol: {protocol}",
        *(f"{name}: {value}" for name, value in ({"interval": "PT0.2S", "ssl": "false"} | more).items()),
    ]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("protocol", "talk"), [("IMAP", mail_servers.imap), ("POP3", mail_servers.pop3)], ids=["imap", "pop3"]
)
async def test_new_mail_starts_the_flow_and_old_mail_does_not(batuta, protocol, talk):
    box = Box()
    await box.put("old")
    async with serving(talk, box) as port:
        await batuta.save(trigger(port, protocol), POLLING)
        await looked(batuta, box)
        await box.put("new", "All is well.")
        (execution,) = await batuta.executions(1)

        variables = execution.trigger.variables
        assert variables["total"] == 1
        assert variables["emails"] == [variables["latestEmail"]]
        assert variables["latestEmail"] == {
            "subject": "new",
            "from": "Ada <ada@example.com>",
            "to": ["a@example.com", "b@example.com"],
            "cc": [],
            "bcc": [],
            "date": "2026-01-05T09:00:00Z",
            "body": "All is well.\n",
            "messageId": "<new@x>",
            "attachments": [],
        }
        await box.put("newer")
        assert [each.trigger.variables["latestEmail"]["subject"] for each in await batuta.executions(2)] == [
            "new",
            "newer",
        ]


async def looked(batuta, box):
    """Wait until the trigger has looked once."""

    async def is_over():
        return any(command.upper() in ("LOGOUT", "QUIT") for command in box.commands)

    await batuta.until(is_over)

    async def is_written():
        record = await batuta.record()
        return record is not None and record.next_at is not None

    await batuta.until(is_written)


async def test_every_mail_starts_an_execution_as_soon_as_it_comes(batuta):
    box = Box()
    await box.put("old")
    async with serving(mail_servers.imap, box) as port:
        await batuta.save(trigger(port, interval="PT60S"), REALTIME)
        await box.idle.wait()
        await box.put("one")
        await batuta.executions(1)
        await box.idle.wait()
        await box.put("two")

        assert await batuta.told(2, "subject") == ["one", "two"]


async def test_pop3_is_looked_at_again_and_again(batuta):
    box = Box()
    async with serving(mail_servers.pop3, box) as port:
        await batuta.save(trigger(port, "POP3"), REALTIME)
        await looked(batuta, box)
        await box.put("one")
        await box.put("two")

        assert await batuta.told(2, "subject") == ["one", "two"]


async def test_mail_that_came_while_nobody_listened_is_found_afterwards(tmp_path):
    box = Box()
    async with serving(mail_servers.imap, box) as port:
        async with program_in(tmp_path / "data") as batuta:
            await batuta.save(trigger(port), REALTIME)
            await box.idle.wait()
            await box.put("one")
            await batuta.executions(1)
        await box.put("two")
        async with program_in(tmp_path / "data") as batuta:
            assert await batuta.told(2, "subject") == ["one", "two"]


async def test_an_encrypted_connection_to_a_server_that_is_trusted(batuta, tmp_path):
    box = Box()
    async with serving(mail_servers.imap, box, tls.certificate(tmp_path)) as port:
        await batuta.save(trigger(port, ssl="true", trustAllCertificates="true"), REALTIME)
        await box.idle.wait()
        await box.put("one")

        assert await batuta.told(1, "subject") == ["one"]


async def test_a_server_that_is_down_is_waited_for(batuta):
    await batuta.save(trigger(9), REALTIME)

    await batuta.waiting()

    async def is_told():
        return await batuta.trigger_log()

    assert "127.0.0.1:9 cannot be reached: Connection refused" in (await batuta.until(is_told))[0]


async def test_a_wrong_password_is_told(batuta):
    box = Box(password="another")
    async with serving(mail_servers.imap, box) as port:
        await batuta.save(trigger(port), REALTIME)

        async def is_told():
            return await batuta.trigger_log()

        told = (await batuta.until(is_told))[0]
    assert f"127.0.0.1:{port} refused the login: wrong password" in told
    assert "s3cret" not in told


def test_a_mail_of_many_parts_is_told_in_short():
    mail = EmailMessage()
    mail["Subject"] = "Grüße"
    mail["From"] = "eve@example.com"
    mail["Cc"] = "One <one@example.com>"
    mail.set_content("plain")
    mail.add_alternative("<b>html</b>", subtype="html")
    mail.add_attachment(b"a,b\n", "text", "csv", filename="a.csv")

    told = shown(bytes(mail))

    assert (told["subject"], told["body"], told["cc"]) == ("Grüße", "plain\n", ["one@example.com"])
    assert told["attachments"] == [{"filename": "a.csv", "contentType": "text/csv", "size": 4}]
    assert (told["date"], told["messageId"]) == (None, None)

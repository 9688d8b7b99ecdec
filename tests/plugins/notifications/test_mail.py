"""Mails, taken by a real SMTP server: with and without encryption, with logins, with files."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from batuta.model.state import State
from tests.support import tls


class Letterbox:
    """Keeps what it gets."""

    def __init__(self):
        self.envelopes = []
        self.logins = []
        self.refused = ()
        self.wants = ("ada", "s3cret-pass")

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.envelopes.append(envelope)
        return "250 taken"

    async def auth_XOAUTH2(self, server, arguments):
        import base64

        said = base64.b64decode(arguments[1]).decode()
        self.logins.append(said)
        return AuthResult(success="Bearer t0k" in said)

    def authenticate(self, server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        self.logins.append(given)
        return AuthResult(success=given == self.wants, handled=False)

    def mail(self):
        return message_from_bytes(self.envelopes[-1].original_content, policy=policy.default)


@pytest.fixture
def box():
    return Letterbox()


@asynccontextmanager
async def listening(box, *, ssl_context=None, **more):
    """An SMTP server on the loopback; gives its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, hostname="localhost", loop=loop, **more), "127.0.0.1", 0, ssl=ssl_context
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate that nobody knows, and a server's context with it."""
    folder = tmp_path_factory.mktemp("tls")
    context = tls.certificate(folder)
    return folder / tls.FILE, context


def mail(port, **more):
    return {
        "type": "email.MailSend",
        "host": "127.0.0.1",
        "port": port,
        "transportStrategy": "SMTP",
        "from": "Batuta <batuta@example.com>",
        "to": "ada@example.com",
        "subject": "{{ flow.id }} is done",
        "plainTextContent": "All rows are in.",
        **more,
    }


async def sent(shop, task, **names):
    outcome = await shop.run(task, **names)
    assert outcome.state is State.SUCCESS, await shop.log()


async def refusal(shop, task):
    outcome = await shop.run(task)
    assert outcome.state is State.FAILED
    (line,) = await shop.log()
    return line


async def test_a_plain_mail_arrives(shop, box):
    async with listening(box) as port:
        await sent(shop, mail(port, to="ada@example.com; Grace H. <grace@example.com>", cc="eve@example.com"))

    envelope, got = box.envelopes[0], box.mail()
    assert envelope.mail_from == "batuta@example.com"
    assert envelope.rcpt_tos == ["ada@example.com", "grace@example.com", "eve@example.com"]
    assert (got["Subject"], got["From"]) == ("nightly_load is done", "Batuta <batuta@example.com>")
    assert (got["To"], got["Cc"]) == ('ada@example.com, "Grace H." <grace@example.com>', "eve@example.com")
    assert got["Date"] is not None
    assert got["Message-ID"].endswith("@example.com>")
    assert got.get_content().splitlines() == ["All rows are in."]
    assert await shop.log() == [f"INFO 127.0.0.1:{port} has taken the mail"]


async def test_text_and_html_are_two_forms_of_one_mail(shop, box):
    async with listening(box) as port:
        await sent(shop, mail(port, htmlTextContent="<b>Grüße</b>"))

    assert box.mail().get_content_type() == "multipart/alternative"
    assert box.mail().get_body(("plain",)).get_content().splitlines() == ["All rows are in."]
    assert box.mail().get_body(("html",)).get_content().splitlines() == ["<b>Grüße</b>"]


async def test_files_of_the_storage_go_along(shop, box):
    report, logo = await shop.put("report.csv", "a,b\n1,2\n"), await shop.put("logo.png", b"\x89PNG\x00\xff")
    async with listening(box) as port:
        await sent(
            shop,
            mail(
                port,
                htmlTextContent='<img src="cid:logo">',
                attachments=[{"uri": report, "name": "March.csv", "contentType": "text/csv"}],
                embeddedImages=[{"uri": logo, "name": "logo", "contentType": "image/png"}],
            ),
        )

    (attachment,) = box.mail().iter_attachments()
    assert (attachment.get_filename(), attachment.get_content_type()) == ("March.csv", "text/csv")
    assert attachment.get_payload(decode=True) == b"a,b\n1,2\n"
    pictures = [part for part in box.mail().walk() if part.get_content_type() == "image/png"]
    assert [(part["Content-ID"], part.get_content()) for part in pictures] == [("<logo>", b"\x89PNG\x00\xff")]


async def test_attachments_may_come_as_json_of_an_expression(shop, box):
    files = [{"uri": await shop.put("report.csv", "a\n"), "name": "report.csv"}]
    async with listening(box) as port:
        await sent(shop, mail(port, attachments="{{ inputs.files | toJson }}"), inputs={"files": files})

    (attachment,) = box.mail().iter_attachments()
    assert (attachment.get_filename(), attachment.get_content_type()) == (
        "report.csv",
        "application/octet-stream",
    )


async def test_starttls_encrypts_before_the_login(shop, box, certificate, monkeypatch):
    path, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with listening(
        box, tls_context=context, authenticator=box.authenticate, auth_required=True
    ) as port:
        await sent(shop, mail(port, transportStrategy="SMTP_TLS", username="ada", password="s3cret-pass"))

    assert box.logins == [("ada", "s3cret-pass")]
    assert len(box.envelopes) == 1


async def test_encrypted_from_the_beginning(shop, box, certificate, monkeypatch):
    path, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with listening(box, ssl_context=context) as port:
        await sent(shop, mail(port, transportStrategy="SMTPS"))

    assert len(box.envelopes) == 1


async def test_a_certificate_that_nobody_knows_is_refused_unless_the_host_is_trusted(shop, box, certificate):
    _, context = certificate
    async with listening(box, ssl_context=context) as port:
        line = await refusal(shop, mail(port, transportStrategy="SMTPS"))
        await sent(shop, mail(port, transportStrategy="SMTPS", trustedHosts=["127.0.0.1"]))

    assert line == (
        f"ERROR no encrypted connection to 127.0.0.1:{port}: CERTIFICATE_VERIFY_FAILED\n"
        "  fix: if that is your own server, add `trustedHosts: [127.0.0.1]`"
    )


async def test_a_login_by_token(shop, box, certificate):
    _, context = certificate
    async with listening(box, tls_context=context) as port:
        await sent(
            shop,
            mail(
                port,
                transportStrategy="SMTP_OAUTH2",
                username="ada",
                accessToken="t0k",
                trustedHosts=["127.0.0.1"],
            ),
        )

    assert box.logins == ["user=ada\x01auth=Bearer t0k\x01\x01"]


async def test_a_wrong_password_is_one_clear_line_without_it(shop, box, certificate):
    _, context = certificate
    box.wants = ("ada", "another")
    async with listening(
        box, tls_context=context, authenticator=box.authenticate, auth_required=True
    ) as port:
        line = await refusal(
            shop,
            mail(
                port,
                transportStrategy="SMTP_TLS",
                username="ada",
                password="s3cret-pass",
                trustedHosts=["127.0.0.1"],
            ),
        )

    assert line.startswith(f"ERROR 127.0.0.1:{port} refused the login: 535 5.7.8 Authentication")
    assert "s3cret-pass" not in line


async def test_a_server_without_encryption_is_not_used_where_it_is_wanted(shop, box):
    async with listening(box) as port:
        line = await refusal(shop, mail(port, transportStrategy="SMTP_TLS"))

    assert line.startswith(f"ERROR 127.0.0.1:{port} offers no encryption (STARTTLS)\n  fix: ")


async def test_nobody_there(shop):
    line = await refusal(shop, mail(9))

    assert line.startswith("ERROR 127.0.0.1:9 cannot be reached: Connection refused")


async def test_a_silent_server_is_given_up(shop):
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        line = await refusal(shop, mail(port, sessionTimeout=100))

    assert "cannot be reached: " in line
    assert "timed out" in line


async def test_a_recipient_that_the_server_does_not_want_does_not_cost_the_others_their_mail(shop, box):
    box.refused = ("nobody@example.com",)
    async with listening(box) as port:
        await sent(shop, mail(port, to="ada@example.com;nobody@example.com"))
        log = await shop.log()
        line = await refusal(shop, mail(port, to="nobody@example.com"))

    assert log[0] == f"WARN 127.0.0.1:{port} takes no mail for nobody@example.com; the others got it"
    assert line.startswith(
        f"ERROR 127.0.0.1:{port} takes no mail for nobody@example.com: 550 no such mailbox"
    )


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"to": "ada"}, "`ada` is not a mail address\n  at to"),
        ({"to": "{{ inputs.nobody }}"}, "must not be null\n  at to"),
        ({"from": "a@b@c"}, "`a@b@c` is not a mail address\n  at from"),
        ({"host": None}, "must not be null\n  at host"),
        ({"transportStrategy": "SMTP_OAUTH2"}, "SMTP_OAUTH2 needs a login"),
        (
            {"attachments": [{"uri": "kestra:///x", "name": "x", "contentType": "csv"}]},
            "`csv` is not a type of content\n  at attachments.x",
        ),
    ],
)
async def test_what_makes_no_mail_is_told(shop, properties, words):
    outcome = await shop.run(mail(9, **properties), inputs={"nobody": ""})

    assert outcome.state is State.FAILED
    assert words in (await shop.log())[0]


async def test_a_subject_of_several_lines_becomes_one(shop, box):
    async with listening(box) as port:
        await sent(shop, mail(port, subject="one\nBcc: eve@example.com"))

    assert box.mail()["Subject"] == "one Bcc: eve@example.com"
    assert box.mail()["Bcc"] is None


async def test_a_mail_about_an_execution_has_the_report_in_both_forms(shop, box, ended):
    execution = await ended(State.FAILED, load=State.FAILED)
    task = mail(
        0, type="notifications.mail.MailExecution", executionId=execution, customFields={"Team": "A&B"}
    )
    del task["plainTextContent"], task["subject"]
    async with listening(box) as port:
        await sent(shop, {**task, "port": port}, kestra={"url": "https://batuta.example"})

    assert box.mail()["Subject"] == "[company.team] nightly_load ➛ FAILED"
    plain, html = (box.mail().get_body((kind,)).get_content() for kind in ("plain", "html"))
    link = f"https://batuta.example/ui/main/executions/company.team/nightly_load/{execution}"
    for form in (plain, html):
        assert "Failed on task `load` after 3 minutes 20 seconds" in form
        assert link in form
    assert "Team: A&B" in plain
    assert "<td>A&amp;B</td>" in html

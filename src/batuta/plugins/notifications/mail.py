"""Mails."""

from __future__ import annotations

import asyncio
import re
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from html import escape
from typing import Annotated

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.notifications.report import (
    CURRENT,
    CustomFields,
    CustomMessage,
    ExecutionId,
    RenderMap,
    Report,
    report_of,
)
from batuta.plugins.notifications.smtp import PORTS, Server, Session, Transport


class Attachment(msgspec.Struct, kw_only=True, rename="camel"):
    """A stored file that goes along."""

    uri: Annotated[str, Meta(description="URI of the file.")]
    name: Annotated[str, Meta(description="Its name in the mail.")]
    content_type: Annotated[str, Meta(description="Its type.")] = "application/octet-stream"


class MailTask(RunnableTask, kw_only=True):
    """Base of the tasks that send mail."""

    host: Annotated[str | None, Meta(description="Mail server.")] = None
    port: Annotated[
        int | None, Meta(description="Its port; by default 465, 587 or 25, as `transportStrategy` has it.")
    ] = None
    username: Annotated[str | None, Meta(description="Who logs in.")] = None
    password: Annotated[str | None, Meta(description="Password of `username`.")] = None
    access_token: Annotated[str | None, Meta(description="Token of `username`, for SMTP_OAUTH2.")] = None
    transport_strategy: Annotated[
        Transport,
        Meta(
            description="Encrypted from the beginning (SMTPS), with STARTTLS (SMTP_TLS), the same with a "
            "login by token (SMTP_OAUTH2), or only if the server offers it (SMTP)."
        ),
    ] = Transport.SMTPS
    session_timeout: Annotated[
        int, Meta(gt=0, description="Longest wait for the server, in milliseconds.")
    ] = 10_000
    verify_server_identity: Annotated[bool, Meta(description="The certificate must be that of `host`.")] = (
        True
    )
    trusted_hosts: Annotated[
        list[str] | None, Meta(description="Hosts whose certificates are not looked at.")
    ] = None
    from_: Annotated[
        str | None, Meta(description="Who sends: `ada@example.com` or `Ada <ada@example.com>`.")
    ] = msgspec.field(name="from", default=None)
    to: Annotated[str | None, Meta(description="Who gets it; several are separated by semicolons.")] = None
    cc: Annotated[str | None, Meta(description="Who gets a copy, in the same way.")] = None
    subject: Annotated[str | None, Meta(description="Subject.")] = None
    attachments: Annotated[list[Attachment] | None, Meta(description="Files that go along.")] = None
    embedded_images: Annotated[
        list[Attachment] | None, Meta(description="Pictures that the HTML shows as `cid:name`.")
    ] = None

    async def send(self, ctx: RunContext, subject: str | None, plain: str | None, html: str | None) -> None:
        """Send a mail with the files of this task.

        Raises:
            TaskError: an address is wrong, a file is not there, or the server does not take it.
        """
        server, sender = self._server(), _addresses("from", self.from_)[0]
        to, cc = _addresses("to", self.to), _addresses("cc", self.cc) if self.cc else []
        mail = EmailMessage()
        try:
            mail["Subject"] = " ".join((subject or "").split())
            mail["From"] = sender
            mail["To"] = to
            if cc:
                mail["Cc"] = cc
            mail["Date"] = formatdate(localtime=False)
            mail["Message-ID"] = make_msgid(domain=sender.domain)
            await self._fill(ctx, mail, plain, html)
        except (ValueError, MessageError) as error:
            raise TaskError(f"that makes no mail: {error}") from None
        session = Session(server)
        recipients = [address.addr_spec for address in (*to, *cc)]
        with ctx.stopping() as stop:
            stop.callback(session.abort)
            refused = await asyncio.to_thread(session.send, mail, sender.addr_spec, recipients)
        if refused:
            ctx.log.warn(f"{server.name} takes no mail for {', '.join(refused)}; the others got it")
        ctx.log.info(f"{server.name} has taken the mail")

    async def _fill(self, ctx: RunContext, mail: EmailMessage, plain: str | None, html: str | None) -> None:
        """Text, HTML with its pictures, attachments."""
        if plain is not None or html is None:
            mail.set_content(plain or "")
        if html is not None:
            if plain is None:
                mail.set_content(html, subtype="html")
            else:
                mail.add_alternative(html, subtype="html")
            body = mail.get_body(("html",))
            for image in self.embedded_images or ():
                main, sub = _kind(image)
                content = await ctx.files.read(image.uri)
                body.add_related(  # type: ignore[union-attr]
                    content, main, sub, cid=f"<{image.name}>", filename=image.name, disposition="inline"
                )
        for attachment in self.attachments or ():
            main, sub = _kind(attachment)
            content = await ctx.files.read(attachment.uri)
            mail.add_attachment(content, main, sub, filename=attachment.name)

    def _server(self) -> Server:
        if not self.host:
            raise TaskError("must not be null", where="host", mend="name the mail server")
        if self.transport_strategy is Transport.SMTP_OAUTH2 and not (self.access_token and self.username):
            raise TaskError("SMTP_OAUTH2 needs a login", mend="set `username` and `accessToken`")
        return Server(
            host=self.host,
            port=self.port or PORTS[self.transport_strategy],
            transport=self.transport_strategy,
            username=self.username,
            password=self.password,
            access_token=self.access_token,
            seconds=self.session_timeout / 1000,
            verify_host=self.verify_server_identity,
            trusted_hosts=tuple(self.trusted_hosts or ()),
        )


@plugin(
    "io.kestra.plugin.email.MailSend",
    aliases=("io.kestra.plugin.notifications.mail.MailSend",),
)
class MailSend(MailTask):
    """Send a mail.

    ```yaml
    id: mail
    type: io.kestra.plugin.email.MailSend
    host: mail.example.com
    port: 587
    transportStrategy: SMTP_TLS
    username: "{{ secret('MAIL_USERNAME') }}"
    password: "{{ secret('MAIL_PASSWORD') }}"
    from: Batuta <batuta@example.com>
    to: ada@example.com;grace@example.com
    subject: "{{ flow.id }} has loaded everything"
    plainTextContent: See for yourselves.
    htmlTextContent: "<p>See for <b>yourselves</b>.</p>"
    ```
    """

    html_text_content: Annotated[str | None, Meta(description="The mail in HTML.")] = None
    plain_text_content: Annotated[str | None, Meta(description="The mail in plain text.")] = None

    async def run(self, ctx: RunContext) -> None:
        """Send."""
        await self.send(ctx, self.subject, self.plain_text_content, self.html_text_content)


@plugin(
    "io.kestra.plugin.email.MailExecution",
    aliases=("io.kestra.plugin.notifications.mail.MailExecution",),
)
class MailExecution(MailTask):
    """Send a mail that tells how an execution went, in HTML and in plain text.

    ```yaml
    id: mail
    type: io.kestra.plugin.email.MailExecution
    host: mail.example.com
    username: "{{ secret('MAIL_USERNAME') }}"
    password: "{{ secret('MAIL_PASSWORD') }}"
    from: batuta@example.com
    to: ada@example.com
    subject: The nightly load needs somebody
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    html_text_content: Annotated[str | None, Meta(description="HTML in place of the report.")] = None
    plain_text_content: Annotated[str | None, Meta(description="Text in place of the report.")] = None
    execution_id: ExecutionId = CURRENT
    custom_message: CustomMessage = None
    custom_fields: CustomFields = None
    template_render_map: RenderMap = None

    async def run(self, ctx: RunContext) -> None:
        """Send the report."""
        report = await report_of(ctx, self)
        plain = self.plain_text_content or "\n".join(report.lines)
        await self.send(ctx, self.subject or report.headline, plain, self.html_text_content or page(report))


def page(report: Report) -> str:
    """The report in HTML."""
    color = "#1b7f4b" if report.is_good else "#b3261e"
    rows = "".join(
        f'<tr><td style="padding:2px 16px 2px 0;color:#666">{escape(name)}</td><td>{escape(value)}</td></tr>'
        for name, value in {
            **report.fields,
            "Started": report.start_date.isoformat(timespec="seconds"),
        }.items()
    )
    message = f"<p>{escape(report.custom_message)}</p>" if report.custom_message else ""
    link = f'<p><a href="{escape(report.link)}">Show the execution</a></p>' if report.link else ""
    return (
        '<!doctype html><html><body style="font-family:sans-serif">'
        f'<h3 style="border-left:6px solid {color};padding-left:10px">{escape(report.headline)}</h3>'
        f"<p>{escape(report.verdict)}</p>{message}<table>{rows}</table>{link}</body></html>"
    )


def _addresses(name: str, text: str | None) -> list[Address]:
    """The addresses of a list that semicolons separate.

    Raises:
        TaskError: there is none, or one of them is wrong.
    """
    found = [_address(name, part) for part in (text or "").split(";") if part.strip()]
    if not found:
        raise TaskError("must not be null", where=name, mend="write a mail address")
    return found


def _address(name: str, text: str) -> Address:
    shown, spec = parseaddr(text.strip())
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", spec):
        raise TaskError(
            f"`{text.strip()}` is not a mail address",
            where=name,
            mend="write `ada@example.com` or `Ada <ada@example.com>`, with semicolons between several",
        )
    try:
        return Address(display_name=shown, addr_spec=spec)
    except (ValueError, MessageError) as error:
        raise TaskError(f"`{spec}` is not a mail address: {error}", where=name) from None


def _kind(attachment: Attachment) -> tuple[str, str]:
    main, slash, sub = attachment.content_type.partition("/")
    if not slash or not sub:
        raise TaskError(
            f"`{attachment.content_type}` is not a type of content",
            where=f"attachments.{attachment.name}",
            mend="write one such as `text/csv` or `image/png`",
        )
    return main, sub

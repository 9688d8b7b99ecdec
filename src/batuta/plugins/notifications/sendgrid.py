"""Mails through SendGrid."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.notifications.mail import Attachment, page
from batuta.plugins.notifications.report import (
    CURRENT,
    CustomFields,
    CustomMessage,
    ExecutionId,
    RenderMap,
    report_of,
)
from batuta.plugins.notifications.sending import Credentials, Message, Options, post

_ENDPOINT = "https://api.sendgrid.com/v3/mail/send"


class SendGridTask(RunnableTask, kw_only=True):
    """Base of the tasks that send mail through SendGrid."""

    from_: Annotated[str, Meta(min_length=1, description="Who sends.")] = msgspec.field(name="from")
    to: Annotated[list[str], Meta(min_length=1, description="Who gets it.")]
    sendgrid_api_key: Annotated[
        str, Meta(min_length=1, description="Key of the API; it is kept out of logs.")
    ]
    cc: Annotated[list[str] | None, Meta(description="Who gets a copy.")] = None
    subject: Annotated[str | None, Meta(description="Subject.")] = None
    attachments: Annotated[list[Attachment] | None, Meta(description="Files that go along.")] = None
    embedded_images: Annotated[
        list[Attachment] | None, Meta(description="Pictures that the HTML shows as `cid:name`.")
    ] = None
    url: Annotated[str, Meta(description="Address of the API.")] = _ENDPOINT
    options: Annotated[Options | None, Meta(description="Timeouts, headers.")] = None

    class Output(task.Output, frozen=True):
        """What SendGrid said."""

        status_code: Annotated[int, Meta(description="Status code.")]
        body: Annotated[str, Meta(description="Answer.")]
        headers: Annotated[dict[str, str], Meta(description="Headers of the answer.")]

    async def send(self, ctx: RunContext, subject: str, plain: str | None, html: str | None) -> Output:
        """Send a mail with the files of this task."""
        forms = [("text/plain", plain), ("text/html", html)]
        people = {"to": _people(self.to), **({"cc": _people(self.cc)} if self.cc else {})}
        mail: dict[str, Any] = {
            "personalizations": [people],
            "from": {"email": self.from_},
            "subject": subject,
            "content": [{"type": kind, "value": text} for kind, text in forms if text is not None]
            or [{"type": "text/plain", "value": " "}],
        }
        files = [await _file(ctx, each, "attachment") for each in self.attachments or ()]
        files += [await _file(ctx, each, "inline") for each in self.embedded_images or ()]
        if files:
            mail["attachments"] = files
        credentials = Credentials.by_token("Bearer", self.sendgrid_api_key)
        message = Message(url=self.url, content=msgspec.json.encode(mail), credentials=credentials)
        answer = await post(ctx, message, self.options)
        return self.Output(status_code=answer.code, body=answer.text, headers=answer.headers)


@plugin(
    "io.kestra.plugin.twilio.sendgrid.SendGridMailSend",
    aliases=(
        "io.kestra.plugin.sendgrid.SendGridMailSend",
        "io.kestra.plugin.notifications.sendgrid.SendGridMailSend",
    ),
)
class SendGridMailSend(SendGridTask):
    """Send a mail through SendGrid.

    ```yaml
    id: mail
    type: io.kestra.plugin.twilio.sendgrid.SendGridMailSend
    sendgridApiKey: "{{ secret('SENDGRID_API_KEY') }}"
    from: batuta@example.com
    to: [ada@example.com]
    subject: "{{ flow.id }} has loaded everything"
    textContent: See for yourselves.
    ```
    """

    text_content: Annotated[str | None, Meta(description="The mail in plain text.")] = None
    html_content: Annotated[str | None, Meta(description="The mail in HTML.")] = None
    html_text_content: Annotated[str | None, Meta(description="Older name of `htmlContent`.")] = None

    async def run(self, ctx: RunContext) -> SendGridTask.Output:
        """Send."""
        html = self.html_content if self.html_content is not None else self.html_text_content
        return await self.send(ctx, self.subject or "", self.text_content, html)


@plugin(
    "io.kestra.plugin.twilio.sendgrid.SendGridMailExecution",
    aliases=(
        "io.kestra.plugin.sendgrid.SendGridMailExecution",
        "io.kestra.plugin.notifications.sendgrid.SendGridMailExecution",
    ),
)
class SendGridMailExecution(SendGridTask):
    """Send a mail through SendGrid that tells how an execution went.

    ```yaml
    id: mail
    type: io.kestra.plugin.twilio.sendgrid.SendGridMailExecution
    sendgridApiKey: "{{ secret('SENDGRID_API_KEY') }}"
    from: batuta@example.com
    to: [ada@example.com]
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    text_content: Annotated[str | None, Meta(description="Text in place of the report.")] = None
    html_content: Annotated[str | None, Meta(description="HTML in place of the report.")] = None
    execution_id: ExecutionId = CURRENT
    custom_message: CustomMessage = None
    custom_fields: CustomFields = None
    template_render_map: RenderMap = None

    async def run(self, ctx: RunContext) -> SendGridTask.Output:
        """Send the report."""
        report = await report_of(ctx, self)
        plain, html = self.text_content or "\n".join(report.lines), self.html_content or page(report)
        return await self.send(ctx, self.subject or report.headline, plain, html)


def _people(addresses: list[str]) -> list[dict[str, str]]:
    return [{"email": address} for address in addresses]


async def _file(ctx: RunContext, attachment: Attachment, disposition: str) -> dict[str, str]:
    content = base64.b64encode(await ctx.files.read(attachment.uri)).decode()
    file = {
        "content": content,
        "filename": attachment.name,
        "type": attachment.content_type,
        "disposition": disposition,
    }
    return {**file, "content_id": attachment.name} if disposition == "inline" else file

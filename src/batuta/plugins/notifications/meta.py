"""Messages through WhatsApp and Messenger."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta

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
from batuta.plugins.notifications.sending import (
    Credentials,
    ExecutionTask,
    Message,
    Options,
    PayloadTask,
    post,
)

_GRAPH = "https://graph.facebook.com/v23.0"


@plugin(
    "io.kestra.plugin.meta.whatsapp.WhatsAppIncomingWebhook",
    aliases=(
        "io.kestra.plugin.whatsapp.WhatsAppIncomingWebhook",
        "io.kestra.plugin.notifications.whatsapp.WhatsAppIncomingWebhook",
    ),
)
class WhatsAppIncomingWebhook(PayloadTask):
    """Post a message for WhatsApp to an address that takes them.

    ```yaml
    id: hello
    type: io.kestra.plugin.meta.whatsapp.WhatsAppIncomingWebhook
    url: "{{ secret('WHATSAPP_WEBHOOK') }}"
    payload: |
      {"messages": [{"type": "text", "text": {"body": "{{ flow.id }} has loaded everything"}}]}
    ```
    """


@plugin(
    "io.kestra.plugin.meta.whatsapp.WhatsAppExecution",
    aliases=(
        "io.kestra.plugin.whatsapp.WhatsAppExecution",
        "io.kestra.plugin.notifications.whatsapp.WhatsAppExecution",
    ),
)
class WhatsAppExecution(ExecutionTask):
    """Tell through WhatsApp how an execution went.

    ```yaml
    id: tell
    type: io.kestra.plugin.meta.whatsapp.WhatsAppExecution
    url: "{{ secret('WHATSAPP_WEBHOOK') }}"
    profileName: Batuta
    whatsAppIds: ["380999999999"]
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    profile_name: Annotated[str | None, Meta(description="Name of the profile that writes.")] = None
    whats_app_ids: Annotated[list[str] | None, Meta(description="Ids of contacts.")] = None
    from_: Annotated[str | None, Meta(description="Number that writes.")] = msgspec.field(
        name="from", default=None
    )
    message_id: Annotated[str | None, Meta(description="Id of the message.")] = None
    text_body: Annotated[str | None, Meta(description="Text above the report.")] = None
    recipient_id: Annotated[str | None, Meta(description="Who gets it.")] = None

    def compose(self, report: Report) -> dict[str, Any]:
        """Contacts and one message of text."""
        text = "\n".join([*([self.text_body] if self.text_body else []), *report.lines])
        message = {
            "from": self.from_,
            "id": self.message_id,
            "recipient_id": self.recipient_id,
            "type": "text",
            "text": {"body": text},
        }
        profile = {"name": self.profile_name} if self.profile_name else {}
        return {
            "contacts": [{"profile": profile, "wa_id": each} for each in self.whats_app_ids or ()],
            "messages": [{name: value for name, value in message.items() if value is not None}],
        }


class MessagingType(StrEnum):
    """Why somebody gets a message."""

    RESPONSE = "RESPONSE"
    UPDATE = "UPDATE"
    MESSAGE_TAG = "MESSAGE_TAG"


class MessengerTask(RunnableTask, kw_only=True):
    """Base of the tasks that write through Messenger."""

    page_id: Annotated[str, Meta(min_length=1, description="Page that writes.")]
    access_token: Annotated[str, Meta(min_length=1, description="Token of the page; it is kept out of logs.")]
    recipient_ids: Annotated[list[str], Meta(min_length=1, description="Who gets it, by page-scoped ids.")]
    messaging_type: Annotated[MessagingType, Meta(description="Why they get it.")] = MessagingType.UPDATE
    url: Annotated[str | None, Meta(description="Address of the Graph API, with its version.")] = None
    options: Annotated[Options | None, Meta(description="Timeouts, headers.")] = None

    async def send(self, ctx: RunContext, text: str) -> None:
        """Write to each of the recipients."""
        url = f"{(self.url or _GRAPH).rstrip('/')}/{quote(self.page_id, safe='')}/messages"
        credentials = Credentials.by_token("Bearer", self.access_token)
        for recipient in self.recipient_ids:
            content = {
                "recipient": {"id": recipient},
                "messaging_type": self.messaging_type,
                "message": {"text": text},
            }
            message = Message(url=url, content=msgspec.json.encode(content), credentials=credentials)
            await post(ctx, message, self.options)


@plugin(
    "io.kestra.plugin.meta.messenger.MessengerExecution",
    aliases=(
        "io.kestra.plugin.messenger.MessengerExecution",
        "io.kestra.plugin.notifications.messenger.MessengerExecution",
    ),
)
class MessengerExecution(MessengerTask):
    """Tell through Messenger how an execution went.

    ```yaml
    id: tell
    type: io.kestra.plugin.meta.messenger.MessengerExecution
    pageId: "9876543214587"
    accessToken: "{{ secret('MESSENGER_ACCESS_TOKEN') }}"
    recipientIds: ["24745216345137108"]
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    execution_id: ExecutionId = CURRENT
    custom_message: CustomMessage = None
    custom_fields: CustomFields = None
    template_render_map: RenderMap = None

    async def run(self, ctx: RunContext) -> None:
        """Write the report."""
        await self.send(ctx, "\n".join((await report_of(ctx, self)).lines))

"""Messages through LINE."""

from __future__ import annotations

from typing import Annotated

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
    report_of,
)
from batuta.plugins.notifications.sending import Credentials, Message, Options, post

_BROADCAST = "https://api.line.me/v2/bot/message/broadcast"
_MOST_CHARACTERS = 5_000


@plugin(
    "io.kestra.plugin.line.LineExecution",
    aliases=("io.kestra.plugin.notifications.line.LineExecution",),
)
class LineExecution(RunnableTask, kw_only=True):
    """Tell the friends of a LINE account how an execution went.

    ```yaml
    id: tell
    type: io.kestra.plugin.line.LineExecution
    channelAccessToken: "{{ secret('LINE_CHANNEL_ACCESS_TOKEN') }}"
    executionId: "{{ trigger.executionId ?? execution.id }}"
    customMessage: Please have a look
    ```
    """

    channel_access_token: Annotated[
        str, Meta(min_length=1, description="Token of the channel; it is kept out of logs.")
    ]
    url: Annotated[str, Meta(description="Address of the Messaging API.")] = _BROADCAST
    options: Annotated[Options | None, Meta(description="Timeouts, headers.")] = None
    execution_id: ExecutionId = CURRENT
    custom_message: CustomMessage = None
    custom_fields: CustomFields = None
    template_render_map: RenderMap = None

    async def run(self, ctx: RunContext) -> None:
        """Send the report."""
        text = "\n".join((await report_of(ctx, self)).lines)[:_MOST_CHARACTERS]
        content = msgspec.json.encode({"messages": [{"type": "text", "text": text}]})
        credentials = Credentials.by_token("Bearer", self.channel_access_token)
        await post(ctx, Message(url=self.url, content=content, credentials=credentials), self.options)

"""Messages by a bot of Telegram."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

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
    report_of,
)
from batuta.plugins.notifications.sending import Credentials, Message, Options, post

_ENDPOINT = "https://api.telegram.org"


class ParseMode(StrEnum):
    """How Telegram reads marks in the text."""

    HTML = "HTML"
    MARKDOWNV2 = "MARKDOWNV2"


_NAMES = {ParseMode.HTML: "HTML", ParseMode.MARKDOWNV2: "MarkdownV2"}


class TelegramTask(RunnableTask, kw_only=True):
    """Base of the tasks of a bot."""

    token: Annotated[str, Meta(min_length=1, description="Token of the bot; it is kept out of logs.")]
    channel: Annotated[str, Meta(min_length=1, description="Id of the chat, or `@name` of a channel.")]
    parse_mode: Annotated[ParseMode | None, Meta(description="How marks in the text are read.")] = None
    endpoint_override: Annotated[str | None, Meta(description="Address of a Bot API server of your own.")] = (
        None
    )
    options: Annotated[Options | None, Meta(description="Timeouts, headers.")] = None

    async def send(self, ctx: RunContext, message: dict[str, Any]) -> None:
        """Let the bot say something."""
        parts = {"chat_id": self.channel, **message}
        if self.parse_mode is not None:
            parts.setdefault("parse_mode", _NAMES[self.parse_mode])
        url = f"{(self.endpoint_override or _ENDPOINT).rstrip('/')}/bot{self.token}/sendMessage"
        content = msgspec.json.encode(parts)
        credentials = Credentials(secrets=(self.token, self.token.partition(":")[2]))
        await post(ctx, Message(url=url, content=content, credentials=credentials), self.options)


@plugin(
    "io.kestra.plugin.telegram.TelegramSend",
    aliases=("io.kestra.plugin.notifications.telegram.TelegramSend",),
)
class TelegramSend(TelegramTask):
    """Let a bot of Telegram write to a chat.

    The payload is a text, or a map in JSON with what the method `sendMessage` of the Bot API takes.

    ```yaml
    id: hello
    type: io.kestra.plugin.telegram.TelegramSend
    token: "{{ secret('TELEGRAM_TOKEN') }}"
    channel: "2072728690"
    payload: "{{ flow.id }} has loaded everything"
    ```
    """

    payload: Annotated[str | None, Meta(description="The message.")] = None

    async def run(self, ctx: RunContext) -> None:
        """Send the payload."""
        if self.payload is None or not self.payload.strip():
            raise TaskError("there is nothing to send", where="payload", mend="write the message")
        try:
            written = msgspec.json.decode(self.payload)
        except msgspec.DecodeError:
            written = None
        await self.send(ctx, written if isinstance(written, dict) else {"text": self.payload})


@plugin(
    "io.kestra.plugin.telegram.TelegramExecution",
    aliases=("io.kestra.plugin.notifications.telegram.TelegramExecution",),
)
class TelegramExecution(TelegramTask):
    """Let a bot of Telegram tell a chat how an execution went.

    ```yaml
    id: tell
    type: io.kestra.plugin.telegram.TelegramExecution
    token: "{{ secret('TELEGRAM_TOKEN') }}"
    channel: "2072728690"
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    payload: Annotated[str | None, Meta(description="A text in place of the report.")] = None
    execution_id: ExecutionId = CURRENT
    custom_message: CustomMessage = None
    custom_fields: CustomFields = None
    template_render_map: RenderMap = None

    async def run(self, ctx: RunContext) -> None:
        """Send the report."""
        text = self.payload
        if text is None:
            text = "\n".join((await report_of(ctx, self)).lines)
            text = text if self.parse_mode is None else escaped(text, self.parse_mode)
        await self.send(ctx, {"text": text})


def escaped(text: str, mode: ParseMode) -> str:
    """The text, with what has a meaning in this mode taken literally."""
    if mode is ParseMode.HTML:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{each}" if each in r"_*[]()~`>#+-=|{}.!\\" else each for each in text)

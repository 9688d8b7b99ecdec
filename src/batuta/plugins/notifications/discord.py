"""Messages to a channel of Discord."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import ExecutionTask, PayloadTask

GREEN, RED = 0x2ECC71, 0xE74C3C
MOST_EMBEDS = 10
"""Embeds of one message; Discord refuses more."""
_MOST_FIELDS = 25
_MOST_FIELD_CHARACTERS = 1024


@plugin(
    "io.kestra.plugin.discord.DiscordIncomingWebhook",
    aliases=("io.kestra.plugin.notifications.discord.DiscordIncomingWebhook",),
)
class DiscordIncomingWebhook(PayloadTask):
    """Write to a channel of Discord through its webhook.

    ```yaml
    id: hello
    type: io.kestra.plugin.discord.DiscordIncomingWebhook
    url: "{{ secret('DISCORD_WEBHOOK') }}"
    payload: |
      {"username": "Batuta", "content": "{{ flow.id }} has loaded everything"}
    ```
    """


class Embed(msgspec.Struct, kw_only=True, rename="camel"):
    """A box within a message."""

    title: str | None = None
    website_url: Annotated[str | None, Meta(description="Address behind the title.")] = None
    description: str | None = None
    thumbnail: Annotated[str | None, Meta(description="Address of a small picture.")] = None
    author_name: str | None = None
    color: Annotated[list[int] | None, Meta(description="Red, green and blue, each from 0 to 255.")] = None
    footer: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As Discord wants it."""
        parts = {
            "title": self.title,
            "description": self.description,
            "url": self.website_url,
            "thumbnail": self.thumbnail and {"url": self.thumbnail},
            "author": self.author_name and {"name": self.author_name},
            "color": None if self.color is None else color_number(self.color),
            "footer": self.footer and {"text": self.footer},
        }
        return {name: value for name, value in parts.items() if value is not None}


@plugin(
    "io.kestra.plugin.discord.DiscordExecution",
    aliases=("io.kestra.plugin.notifications.discord.DiscordExecution",),
)
class DiscordExecution(ExecutionTask):
    """Tell a channel of Discord how an execution went.

    The message has your `content` and `embedList` as you wrote them, and one more embed with namespace, flow,
    state, duration, the task that failed, and a link.

    ```yaml
    id: tell
    type: io.kestra.plugin.discord.DiscordExecution
    url: "{{ secret('DISCORD_WEBHOOK') }}"
    username: Batuta
    content: "Look at this, please"
    embedList:
      - title: Nightly load
        color: [255, 0, 0]
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    username: Annotated[str | None, Meta(description="Name that the message appears under.")] = None
    avatar_url: Annotated[str | None, Meta(description="Address of the picture beside the name.")] = None
    content: Annotated[str | None, Meta(description="Text of the message.")] = None
    embed_list: Annotated[list[Embed] | None, Meta(description="Boxes of your own.")] = None

    def compose(self, report: Report) -> dict[str, Any]:
        """The message, the report being its last embed."""
        embeds = [embed.to_json() for embed in self.embed_list or ()]
        if len(embeds) < MOST_EMBEDS:
            embeds.append(embed_of(report))
        else:
            # No room for another one: the last one takes the fields.
            embeds[-1] = {**embed_of(report), **embeds[-1]}
        parts = {
            "username": self.username,
            "avatar_url": self.avatar_url,
            "tts": False,
            "content": self.content,
            "embeds": embeds,
        }
        return {name: value for name, value in parts.items() if value is not None}


def embed_of(report: Report) -> dict[str, Any]:
    """The report as a box."""
    words = "\n".join(filter(None, (report.verdict, report.custom_message)))
    fields = [
        {"name": name, "value": value[:_MOST_FIELD_CHARACTERS] or "-", "inline": True}
        for name, value in report.fields.items()
    ]
    embed = {
        "title": report.headline,
        "description": words,
        "color": GREEN if report.is_good else RED,
        "fields": fields[:_MOST_FIELDS],
        "timestamp": report.start_date.isoformat(),
    }
    return {**embed, "url": report.link} if report.link else embed


def color_number(color: list[int]) -> int:
    """Red, green and blue as one number.

    Raises:
        TaskError: they are not three numbers from 0 to 255.
    """
    if len(color) != 3 or not all(0 <= each <= 255 for each in color):
        raise TaskError(
            f"{color} is not a colour",
            where="embedList.color",
            mend="write red, green and blue from 0 to 255, as in [255, 128, 0]",
        )
    red, green, blue = color
    return red << 16 | green << 8 | blue

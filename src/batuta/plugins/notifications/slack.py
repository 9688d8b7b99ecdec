"""Messages to a channel of Slack, or of what understands Slack's webhooks (Rocket.Chat, Mattermost)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.model.state import State
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import ExecutionTask, PayloadTask

MessageText = Annotated[str | None, Meta(description="The message in plain words, instead of `payload`.")]


@plugin(
    "io.kestra.plugin.slack.SlackIncomingWebhook",
    aliases=(
        "io.kestra.plugin.slack.notifications.SlackIncomingWebhook",
        "io.kestra.plugin.notifications.slack.SlackIncomingWebhook",
    ),
)
class SlackIncomingWebhook(PayloadTask):
    """Write to a channel of Slack through its webhook.

    ```yaml
    id: hello
    type: io.kestra.plugin.slack.SlackIncomingWebhook
    url: "{{ secret('SLACK_WEBHOOK') }}"
    messageText: "{{ flow.id }} has loaded everything"
    ```
    """

    message_text: MessageText = None

    async def run(self, ctx: RunContext) -> None:
        """Post the text or the payload."""
        if self.payload is None and self.message_text is not None:
            await self.send(ctx, {"text": self.message_text})
        else:
            await super().run(ctx)


@plugin(
    "io.kestra.plugin.slack.SlackExecution",
    aliases=(
        "io.kestra.plugin.slack.notifications.SlackExecution",
        "io.kestra.plugin.notifications.slack.SlackExecution",
    ),
)
class SlackExecution(ExecutionTask):
    """Tell a channel of Slack how an execution went.

    ```yaml
    id: tell
    type: io.kestra.plugin.slack.SlackExecution
    url: "{{ secret('SLACK_WEBHOOK') }}"
    channel: "#loads"
    executionId: "{{ trigger.executionId ?? execution.id }}"
    customMessage: Who is on call?
    customFields:
      Team: Data
    ```
    """

    channel: Annotated[str | None, Meta(description="Channel, where the webhook lets one choose.")] = None
    username: Annotated[str | None, Meta(description="Name that the message appears under.")] = None
    icon_url: Annotated[str | None, Meta(description="Address of the picture beside the name.")] = None
    icon_emoji: Annotated[str | None, Meta(description="Emoji in place of the picture, as `:bell:`.")] = None
    message_text: MessageText = None

    def compose(self, report: Report) -> dict[str, Any]:
        """The message: blocks for reading, an attachment with the details."""
        look = {
            "channel": self.channel,
            "username": self.username,
            "icon_url": self.icon_url,
            "icon_emoji": self.icon_emoji,
        }
        return {
            **{name: value for name, value in look.items() if value is not None},
            "text": self.message_text or report.headline,
            "blocks": blocks(report, self.message_text),
            "attachments": [attachment(report)],
        }


def blocks(report: Report, text: str | None) -> list[dict[str, Any]]:
    """What is read first: the headline, how it went, and a button that leads to the execution."""
    lines = [text, f"*{escaped(report.headline)}*", escaped(report.verdict), report.custom_message]
    section: dict[str, Any] = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "\n".join(line for line in lines if line)},
    }
    if report.link:
        section["accessory"] = {
            "type": "button",
            "text": {"type": "plain_text", "text": "Show the execution"},
            "url": report.link,
        }
    return [section]


def attachment(report: Report) -> dict[str, Any]:
    """The details as a table beside a coloured bar."""
    color = {State.SUCCESS: "good", State.WARNING: "warning"}.get(report.state, "danger")
    if report.is_good and not report.state.is_ended:
        color = "good"
    return {
        "color": color,
        "fallback": report.headline,
        "fields": [{"title": name, "value": value, "short": True} for name, value in report.fields.items()],
    }


def escaped(text: str) -> str:
    """Text without the three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

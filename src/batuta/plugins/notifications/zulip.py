"""Messages to a channel of Zulip, whose webhooks understand those of Slack."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import ExecutionTask, PayloadTask


@plugin(
    "io.kestra.plugin.zulip.ZulipIncomingWebhook",
    aliases=("io.kestra.plugin.notifications.zulip.ZulipIncomingWebhook",),
)
class ZulipIncomingWebhook(PayloadTask):
    """Write to a channel of Zulip through one of its webhooks.

    ```yaml
    id: hello
    type: io.kestra.plugin.zulip.ZulipIncomingWebhook
    url: "{{ secret('ZULIP_WEBHOOK') }}"
    payload: |
      {"text": "{{ flow.id }} has loaded everything"}
    ```
    """


@plugin(
    "io.kestra.plugin.zulip.ZulipExecution",
    aliases=("io.kestra.plugin.notifications.zulip.ZulipExecution",),
)
class ZulipExecution(ExecutionTask):
    """Tell a channel of Zulip how an execution went.

    ```yaml
    id: tell
    type: io.kestra.plugin.zulip.ZulipExecution
    url: "{{ secret('ZULIP_WEBHOOK') }}"
    channel: loads
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    channel: Annotated[str | None, Meta(description="Channel, where the webhook lets one choose.")] = None
    username: Annotated[str | None, Meta(description="Name that the message appears under.")] = None
    icon_url: Annotated[str | None, Meta(description="Address of the picture beside the name.")] = None
    icon_emoji: Annotated[str | None, Meta(description="Emoji in place of the picture, as `:bell:`.")] = None

    def compose(self, report: Report) -> dict[str, Any]:
        """One text in Markdown."""
        lines = [f"**{report.headline}**", report.verdict, report.custom_message]
        lines += [f"{name}: {value}" for name, value in report.fields.items()]
        if report.link:
            lines.append(f"[Show the execution]({report.link})")
        parts = {
            "text": "\n".join(line for line in lines if line),
            "channel": self.channel,
            "username": self.username,
            "icon_url": self.icon_url,
            "icon_emoji": self.icon_emoji,
        }
        return {name: value for name, value in parts.items() if value is not None}

"""Messages to a space of Google Chat."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import ExecutionTask, PayloadTask


@plugin(
    "io.kestra.plugin.googleworkspace.chat.GoogleChatIncomingWebhook",
    aliases=(
        "io.kestra.plugin.google.GoogleChatIncomingWebhook",
        "io.kestra.plugin.notifications.google.GoogleChatIncomingWebhook",
    ),
)
class GoogleChatIncomingWebhook(PayloadTask):
    """Write to a space of Google Chat through its webhook.

    ```yaml
    id: hello
    type: io.kestra.plugin.googleworkspace.chat.GoogleChatIncomingWebhook
    url: "{{ secret('GOOGLE_WEBHOOK') }}"
    payload: |
      {"text": "{{ flow.id }} has loaded everything"}
    ```
    """


@plugin(
    "io.kestra.plugin.googleworkspace.chat.GoogleChatExecution",
    aliases=(
        "io.kestra.plugin.google.GoogleChatExecution",
        "io.kestra.plugin.notifications.google.GoogleChatExecution",
    ),
)
class GoogleChatExecution(ExecutionTask):
    """Tell a space of Google Chat how an execution went.

    ```yaml
    id: tell
    type: io.kestra.plugin.googleworkspace.chat.GoogleChatExecution
    url: "{{ secret('GOOGLE_WEBHOOK') }}"
    text: Look at this, please
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    text: Annotated[str | None, Meta(description="Text above the report.")] = None

    def compose(self, report: Report) -> dict[str, Any]:
        """One text, with the link behind a word."""
        lines = [self.text, f"*{report.headline}*", report.verdict, report.custom_message]
        lines += [f"{name}: {value}" for name, value in report.fields.items()]
        if report.link:
            lines.append(f"<{report.link}|Show the execution>")
        return {"text": "\n".join(line for line in lines if line)}

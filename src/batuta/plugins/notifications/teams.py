"""Messages to a channel of Microsoft Teams."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import ExecutionTask, PayloadTask


@plugin(
    "io.kestra.plugin.microsoft365.teams.TeamsIncomingWebhook",
    aliases=(
        "io.kestra.plugin.teams.TeamsIncomingWebhook",
        "io.kestra.plugin.notifications.teams.TeamsIncomingWebhook",
    ),
)
class TeamsIncomingWebhook(PayloadTask):
    """Write to a channel of Microsoft Teams through its webhook.

    ```yaml
    id: hello
    type: io.kestra.plugin.microsoft365.teams.TeamsIncomingWebhook
    url: "{{ secret('TEAMS_WEBHOOK') }}"
    payload: |
      {
        "type": "message",
        "attachments": [{
          "contentType": "application/vnd.microsoft.card.adaptive",
          "content": {
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "TextBlock", "text": "{{ flow.id }} has loaded everything"}]
          }
        }]
      }
    ```
    """


@plugin(
    "io.kestra.plugin.microsoft365.teams.TeamsExecution",
    aliases=(
        "io.kestra.plugin.teams.TeamsExecution",
        "io.kestra.plugin.notifications.teams.TeamsExecution",
    ),
)
class TeamsExecution(ExecutionTask):
    """Tell a channel of Microsoft Teams how an execution went.

    The message is a card with a table and a button that leads to the execution.

    ```yaml
    id: tell
    type: io.kestra.plugin.microsoft365.teams.TeamsExecution
    url: "{{ secret('TEAMS_WEBHOOK') }}"
    activityTitle: Nightly load
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    theme_color: Annotated[str, Meta(description="Colour of the card, as RRGGBB.")] = "0076D7"
    activity_title: Annotated[str | None, Meta(description="Title; by default flow and state.")] = None
    activity_subtitle: Annotated[str | None, Meta(description="Below the title; by default how it went.")] = (
        None
    )

    def compose(self, report: Report) -> dict[str, Any]:
        """The card."""
        section = {
            "activityTitle": self.activity_title or report.headline,
            "activitySubtitle": self.activity_subtitle or report.verdict,
            "facts": [{"name": name, "value": value} for name, value in report.fields.items()],
            "markdown": True,
        }
        words = [self.activity_title and report.headline, self.activity_subtitle and report.verdict]
        text = "\n\n".join(filter(None, (*words, report.custom_message)))
        card: dict[str, Any] = {
            "@type": "MessageCard",
            "@context": "http://schema.org/extensions",
            "themeColor": self.theme_color,
            "summary": report.headline,
            "sections": [{**section, "text": text} if text else section],
        }
        if report.link:
            target = {"os": "default", "uri": report.link}
            card["potentialAction"] = [
                {"@type": "OpenUri", "name": "Show the execution", "targets": [target]}
            ]
        return card

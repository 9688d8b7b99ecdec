"""Incidents in Squadcast."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import ExecutionTask, PayloadTask


@plugin(
    "io.kestra.plugin.squadcast.SquadcastIncomingWebhook",
    aliases=("io.kestra.plugin.notifications.squadcast.SquadcastIncomingWebhook",),
)
class SquadcastIncomingWebhook(PayloadTask):
    """Open an incident in Squadcast through its webhook.

    ```yaml
    id: alert
    type: io.kestra.plugin.squadcast.SquadcastIncomingWebhook
    url: "{{ secret('SQUADCAST_WEBHOOK') }}"
    payload: |
      {"message": "{{ flow.id }} has failed", "status": "trigger", "event_id": "{{ flow.id }}"}
    ```
    """


@plugin(
    "io.kestra.plugin.squadcast.SquadcastExecution",
    aliases=("io.kestra.plugin.notifications.squadcast.SquadcastExecution",),
)
class SquadcastExecution(ExecutionTask):
    """Open an incident in Squadcast that tells how an execution went.

    ```yaml
    id: alert
    type: io.kestra.plugin.squadcast.SquadcastExecution
    url: "{{ secret('SQUADCAST_WEBHOOK') }}"
    message: The nightly load needs somebody
    priority: P1
    tags:
      severity: high
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    message: Annotated[str, Meta(description="Title of the incident.")]
    priority: Annotated[str | None, Meta(description="`P1` to `P5`.")] = None
    status: Annotated[str, Meta(description="`trigger` or `resolve`.")] = "trigger"
    event_id: Annotated[str | None, Meta(description="Which incident is meant; needed to resolve.")] = None
    tags: Annotated[dict[str, Any] | None, Meta(description="Tags of the incident.")] = None

    def compose(self, report: Report) -> dict[str, Any]:
        """The incident."""
        parts = {
            "message": self.message,
            "description": "\n".join(report.lines),
            "priority": self.priority,
            "status": self.status,
            "event_id": self.event_id,
            "tags": self.tags,
        }
        return {name: value for name, value in parts.items() if value is not None}

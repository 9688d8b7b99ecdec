"""Alerts in Zenduty."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from batuta.model.state import State
from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import Credentials, ExecutionTask, PayloadTask

AuthorizationToken = Annotated[
    str | None, Meta(description="Token for the header `Authorization`; it is kept out of logs.")
]
_SCHEME = "Token"


@plugin(
    "io.kestra.plugin.zenduty.ZendutyAlert",
    aliases=("io.kestra.plugin.notifications.zenduty.ZendutyAlert",),
)
class ZendutyAlert(PayloadTask):
    """Raise an alert in Zenduty.

    ```yaml
    id: alert
    type: io.kestra.plugin.zenduty.ZendutyAlert
    url: "https://www.zenduty.com/api/events/{{ secret('ZENDUTY_INTEGRATION_KEY') }}/"
    payload: |
      {"alert_type": "critical", "message": "{{ flow.id }} has failed", "summary": "See the log"}
    ```
    """

    authorization_token: AuthorizationToken = None

    def credentials(self) -> Credentials:
        """The token, where one is needed."""
        return Credentials.by_token(_SCHEME, self.authorization_token)


class AlertType(StrEnum):
    """Kinds of alerts."""

    CRITICAL = "CRITICAL"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


@plugin(
    "io.kestra.plugin.zenduty.ZendutyExecution",
    aliases=("io.kestra.plugin.notifications.zenduty.ZendutyExecution",),
)
class ZendutyExecution(ExecutionTask):
    """Raise an alert in Zenduty that tells how an execution went.

    ```yaml
    id: alert
    type: io.kestra.plugin.zenduty.ZendutyExecution
    url: "https://www.zenduty.com/api/events/{{ secret('ZENDUTY_INTEGRATION_KEY') }}/"
    message: The nightly load needs somebody
    alertType: CRITICAL
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    authorization_token: AuthorizationToken = None
    alert_type: Annotated[AlertType | None, Meta(description="Kind; by default as the execution went.")] = (
        None
    )
    message: Annotated[str | None, Meta(description="Title; by default flow and state.")] = None
    summary: Annotated[str | None, Meta(description="Words below it; by default how it went.")] = None
    entity_id: Annotated[str | None, Meta(description="Alerts of the same id count as one.")] = None
    urls: Annotated[list[str] | None, Meta(description="More links.")] = None

    def credentials(self) -> Credentials:
        """The token, where one is needed."""
        return Credentials.by_token(_SCHEME, self.authorization_token)

    def compose(self, report: Report) -> dict[str, Any]:
        """The alert."""
        urls = [*([report.link] if report.link else []), *(self.urls or ())]
        parts = {
            "alert_type": (self.alert_type or _type_of(report)).value.lower(),
            "message": self.message or report.headline,
            "summary": self.summary or "\n".join(report.lines),
            "entity_id": self.entity_id,
            "payload": report.fields,
            "urls": [{"link_url": url, "link_text": "Show the execution"} for url in urls] or None,
        }
        return {name: value for name, value in parts.items() if value is not None}


def _type_of(report: Report) -> AlertType:
    if not report.is_good:
        return AlertType.ERROR
    return AlertType.WARNING if report.state is State.WARNING else AlertType.INFO

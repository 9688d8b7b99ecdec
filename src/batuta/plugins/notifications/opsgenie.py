"""Alerts in Opsgenie."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import Credentials, ExecutionTask, PayloadTask

AuthorizationToken = Annotated[str | None, Meta(description="Key of the API; it is kept out of logs.")]
_SCHEME = "GenieKey"
_MOST_MESSAGE_CHARACTERS = 130


@plugin(
    "io.kestra.plugin.opsgenie.OpsgenieAlert",
    aliases=("io.kestra.plugin.notifications.opsgenie.OpsgenieAlert",),
)
class OpsgenieAlert(PayloadTask):
    """Raise an alert in Opsgenie.

    ```yaml
    id: alert
    type: io.kestra.plugin.opsgenie.OpsgenieAlert
    url: https://api.opsgenie.com/v2/alerts
    authorizationToken: "{{ secret('OPSGENIE_GENIEKEY') }}"
    payload: |
      {"message": "{{ flow.id }} has failed", "priority": "P1"}
    ```
    """

    authorization_token: AuthorizationToken = None

    def credentials(self) -> Credentials:
        """The key."""
        return Credentials.by_token(_SCHEME, self.authorization_token)


@plugin(
    "io.kestra.plugin.opsgenie.OpsgenieExecution",
    aliases=("io.kestra.plugin.notifications.opsgenie.OpsgenieExecution",),
)
class OpsgenieExecution(ExecutionTask):
    """Raise an alert in Opsgenie that tells how an execution went.

    ```yaml
    id: alert
    type: io.kestra.plugin.opsgenie.OpsgenieExecution
    url: https://api.opsgenie.com/v2/alerts
    authorizationToken: "{{ secret('OPSGENIE_GENIEKEY') }}"
    message: The nightly load needs somebody
    priority: P1
    responders:
      4513b7ea-3b91-438f-b7e4-e3e54af9147c: team
    tags: [load, nightly]
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    authorization_token: AuthorizationToken = None
    message: Annotated[str | None, Meta(description="Title; by default flow and state.")] = None
    alias: Annotated[str | None, Meta(description="Alerts of the same alias count as one.")] = None
    responders: Annotated[
        dict[str, str] | None,
        Meta(description="Whom to alarm: id to `team`, `user`, `escalation` or `schedule`."),
    ] = None
    visible_to: Annotated[dict[str, str] | None, Meta(description="Who sees it: id to kind.")] = None
    tags: Annotated[list[str] | None, Meta(description="Tags of the alert.")] = None
    priority: Annotated[str | None, Meta(description="`P1` to `P5`.")] = None

    def credentials(self) -> Credentials:
        """The key."""
        return Credentials.by_token(_SCHEME, self.authorization_token)

    def compose(self, report: Report) -> dict[str, Any]:
        """The alert."""
        parts = {
            "message": (self.message or report.headline)[:_MOST_MESSAGE_CHARACTERS],
            "alias": self.alias,
            "description": "\n".join(report.lines),
            "details": report.fields | ({"Link": report.link} if report.link else {}),
            "responders": _people(self.responders),
            "visibleTo": _people(self.visible_to),
            "tags": self.tags,
            "priority": self.priority,
            "source": "batuta",
        }
        return {name: value for name, value in parts.items() if value is not None}


def _people(kinds: dict[str, str] | None) -> list[dict[str, str]] | None:
    return None if kinds is None else [{"id": id_, "type": kind} for id_, kind in kinds.items()]

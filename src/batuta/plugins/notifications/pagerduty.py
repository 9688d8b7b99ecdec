"""Events for PagerDuty."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.errors import TaskError
from batuta.model.state import State
from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import Credentials, ExecutionTask, PayloadTask

_MOST_SUMMARY_CHARACTERS = 1024


@plugin(
    "io.kestra.plugin.pagerduty.PagerDutyAlert",
    aliases=("io.kestra.plugin.notifications.pagerduty.PagerDutyAlert",),
)
class PagerDutyAlert(PayloadTask):
    """Send an event to PagerDuty.

    ```yaml
    id: alert
    type: io.kestra.plugin.pagerduty.PagerDutyAlert
    url: https://events.pagerduty.com/v2/enqueue
    payload: |
      {
        "routing_key": {{ secret('PAGERDUTY_KEY') | toJson }},
        "event_action": "trigger",
        "payload": {"summary": "{{ flow.id }} has failed", "source": "batuta", "severity": "error"}
      }
    ```
    """


@plugin(
    "io.kestra.plugin.pagerduty.PagerDutyExecution",
    aliases=("io.kestra.plugin.notifications.pagerduty.PagerDutyExecution",),
)
class PagerDutyExecution(ExecutionTask):
    """Send an event to PagerDuty that tells how an execution went.

    ```yaml
    id: alert
    type: io.kestra.plugin.pagerduty.PagerDutyExecution
    url: https://events.pagerduty.com/v2/enqueue
    routingKey: "{{ secret('PAGERDUTY_KEY') }}"
    eventAction: trigger
    payloadSummary: The nightly load needs somebody
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    routing_key: Annotated[
        str | None, Meta(description="Key of the integration; it is kept out of logs.")
    ] = None
    event_action: Annotated[str, Meta(description="`trigger`, `acknowledge` or `resolve`.")] = "trigger"
    deduplication_key: Annotated[
        str | None, Meta(description="Which alert is meant; needed to acknowledge and resolve.")
    ] = None
    payload_summary: Annotated[
        str | None,
        Meta(max_length=_MOST_SUMMARY_CHARACTERS, description="Title; by default flow and state."),
    ] = None

    def credentials(self) -> Credentials:
        """The key travels in the message."""
        return Credentials(secrets=(self.routing_key,) if self.routing_key else ())

    def compose(self, report: Report) -> dict[str, Any]:
        """The event."""
        if self.event_action not in ("trigger", "acknowledge", "resolve"):
            raise TaskError(
                f"`{self.event_action}` is nothing that PagerDuty does",
                where="eventAction",
                mend="write trigger, acknowledge or resolve",
            )
        event: dict[str, Any] = {
            "routing_key": self.routing_key,
            "event_action": self.event_action,
            "dedup_key": self.deduplication_key,
            "client": "Batuta",
            "client_url": report.link,
            "payload": {
                "summary": (self.payload_summary or report.headline)[:_MOST_SUMMARY_CHARACTERS],
                "source": f"{report.namespace}.{report.flow_id}",
                "severity": _severity(report),
                "timestamp": report.start_date.isoformat(),
                "custom_details": {"Result": report.verdict, **report.fields, **_words(report)},
            },
        }
        return {name: value for name, value in event.items() if value is not None}


def _severity(report: Report) -> str:
    if not report.is_good:
        return "error"
    return "warning" if report.state is State.WARNING else "info"


def _words(report: Report) -> dict[str, str]:
    return {"Message": report.custom_message} if report.custom_message else {}

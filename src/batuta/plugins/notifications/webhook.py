"""Messages to a webhook of any kind."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import ExecutionTask, PayloadTask


@plugin("io.batuta.notifications.Webhook")
class Webhook(PayloadTask):
    """Post JSON to a webhook. Its address is kept out of logs and errors.

    ```yaml
    id: hello
    type: io.batuta.notifications.Webhook
    url: "{{ secret('WEBHOOK') }}"
    payload: |
      {"flow": "{{ flow.id }}", "rows": 12}
    ```
    """


@plugin("io.batuta.notifications.WebhookExecution")
class WebhookExecution(ExecutionTask):
    """Post to a webhook how an execution went, as a map in JSON.

    The map has `namespace`, `flowId`, `executionId`, `state`, `startDate`, `duration`, `link`, `lastTask`,
    `failedTask`, `customMessage`, `customFields` and `text`, the whole report in words.

    ```yaml
    id: tell
    type: io.batuta.notifications.WebhookExecution
    url: "{{ secret('WEBHOOK') }}"
    executionId: "{{ trigger.executionId ?? execution.id }}"
    customFields:
      team: data
    ```
    """

    def compose(self, report: Report) -> dict[str, Any]:
        """The report as it is."""
        return {**msgspec.to_builtins(report), "text": "\n".join(report.lines)}

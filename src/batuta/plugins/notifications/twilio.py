"""Notifications through Twilio."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.converters import as_text
from batuta.plugin.registry import plugin
from batuta.plugins.notifications.report import Report
from batuta.plugins.notifications.sending import Answer, Credentials, ExecutionTask, PayloadTask

AccountSid = Annotated[str, Meta(min_length=1, description="SID of the account.")]
AuthToken = Annotated[str, Meta(min_length=1, description="Token of the account; it is kept out of logs.")]
_FORM = "application/x-www-form-urlencoded"


@plugin(
    "io.kestra.plugin.twilio.notify.TwilioAlert",
    aliases=(
        "io.kestra.plugin.twilio.TwilioAlert",
        "io.kestra.plugin.notifications.twilio.TwilioAlert",
    ),
)
class TwilioAlert(PayloadTask):
    """Send a notification through Twilio.

    ```yaml
    id: alert
    type: io.kestra.plugin.twilio.notify.TwilioAlert
    url: https://notify.twilio.com/v1/Services/ISXXXXXXXX/Notifications
    accountSID: "{{ secret('TWILIO_ACCOUNT_SID') }}"
    authToken: "{{ secret('TWILIO_AUTH_TOKEN') }}"
    payload: |
      {"identity": "0000001", "body": "{{ flow.id }} has failed"}
    ```
    """

    account_sid: AccountSid = msgspec.field(name="accountSID")
    auth_token: AuthToken

    def credentials(self) -> Credentials:
        """The account."""
        return account(self.account_sid, self.auth_token)

    async def send(self, ctx: RunContext, content: Any, kind: str = _FORM) -> Answer:
        """Post as the form that Twilio takes."""
        return await super().send(ctx, form(content), kind)


@plugin(
    "io.kestra.plugin.twilio.notify.TwilioExecution",
    aliases=(
        "io.kestra.plugin.twilio.TwilioExecution",
        "io.kestra.plugin.notifications.twilio.TwilioExecution",
    ),
)
class TwilioExecution(ExecutionTask):
    """Send a notification through Twilio that tells how an execution went.

    ```yaml
    id: alert
    type: io.kestra.plugin.twilio.notify.TwilioExecution
    url: https://notify.twilio.com/v1/Services/ISXXXXXXXX/Notifications
    accountSID: "{{ secret('TWILIO_ACCOUNT_SID') }}"
    authToken: "{{ secret('TWILIO_AUTH_TOKEN') }}"
    identity: "0000001"
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    account_sid: AccountSid = msgspec.field(name="accountSID")
    auth_token: AuthToken
    body: Annotated[str | None, Meta(description="Text in place of the report.")] = None
    identity: Annotated[str | None, Meta(description="Who gets it.")] = None
    tag: Annotated[str | None, Meta(description="Who gets it, by a tag.")] = None

    def credentials(self) -> Credentials:
        """The account."""
        return account(self.account_sid, self.auth_token)

    async def send(self, ctx: RunContext, content: Any, kind: str = _FORM) -> Answer:
        """Post as the form that Twilio takes."""
        return await super().send(ctx, form(content), kind)

    def compose(self, report: Report) -> dict[str, Any]:
        """The notification."""
        parts = {"identity": self.identity, "tag": self.tag, "body": self.body or "\n".join(report.lines)}
        return {name: value for name, value in parts.items() if value is not None}


def account(sid: str, token: str) -> Credentials:
    """Basic authentication with an account."""
    return Credentials(login=(sid, token), secrets=(token,))


def form(content: Any) -> str:
    """A map, or JSON text of one, as a form; Twilio's names begin with a capital letter."""
    fields = msgspec.json.decode(content) if isinstance(content, str) else content
    if not isinstance(fields, dict):
        raise TaskError("a notification is a map", where="payload", mend="write { ... }")
    pairs = [(name, each) for name, value in fields.items() for each in _each(value)]
    return urlencode([(name[:1].upper() + name[1:], as_text(value)) for name, value in pairs])


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

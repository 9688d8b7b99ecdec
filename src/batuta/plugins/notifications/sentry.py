"""Events for Sentry."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from batuta.clock import SystemClock
from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.notifications.report import (
    CURRENT,
    CustomFields,
    CustomMessage,
    ExecutionId,
    RenderMap,
    Report,
    report_of,
)
from batuta.plugins.notifications.sending import Credentials, Message, Options, json_text, post

_CLIENT = "batuta/1.0"
_ENVELOPE = "application/x-sentry-envelope"


class Endpoint(StrEnum):
    """Where Sentry takes events."""

    ENVELOPE = "ENVELOPE"
    STORE = "STORE"


class Level(StrEnum):
    """How grave an event is."""

    FATAL = "FATAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"
    DEBUG = "DEBUG"


class SentryTask(RunnableTask, kw_only=True):
    """Base of the tasks that send events to Sentry."""

    dsn: Annotated[str, Meta(min_length=1, description="DSN of the project; it is kept out of logs.")]
    endpoint_type: Annotated[Endpoint, Meta(description="The older way is STORE.")] = Endpoint.ENVELOPE
    payload: Annotated[str | None, Meta(description="An event of your own, in JSON.")] = None
    options: Annotated[Options | None, Meta(description="Timeouts, headers.")] = None

    async def send(self, ctx: RunContext, event: dict[str, Any]) -> None:
        """Send an event; it gets an id where it has none."""
        event = {"event_id": uuid.uuid4().hex, "timestamp": SystemClock().now(), "level": "error", **event}
        address, key = project(self.dsn, self.endpoint_type)
        login = f"Sentry sentry_version=7, sentry_client={_CLIENT}, sentry_key={key}"
        message = Message(
            url=address,
            content=msgspec.json.encode(event) if self.endpoint_type is Endpoint.STORE else envelope(event),
            content_type="application/json" if self.endpoint_type is Endpoint.STORE else _ENVELOPE,
            credentials=Credentials(headers={"X-Sentry-Auth": login}, secrets=(self.dsn, key)),
        )
        await post(ctx, message, self.options)


@plugin(
    "io.kestra.plugin.sentry.SentryAlert",
    aliases=("io.kestra.plugin.notifications.sentry.SentryAlert",),
)
class SentryAlert(SentryTask):
    """Send an event to Sentry; without a payload one that names the execution.

    ```yaml
    id: alert
    type: io.kestra.plugin.sentry.SentryAlert
    dsn: "{{ secret('SENTRY_DSN') }}"
    payload: |
      {"level": "error", "message": {"message": "{{ flow.id }} has failed"}}
    ```
    """

    async def run(self, ctx: RunContext) -> None:
        """Send the payload, or the place where we are."""
        if self.payload is not None:
            written = msgspec.json.decode(json_text(self.payload))
            if not isinstance(written, dict):
                raise TaskError("an event of Sentry is a map", where="payload", mend="write { ... }")
            await self.send(ctx, written)
            return
        place = ctx.identity
        await self.send(
            ctx,
            {
                "transaction": f"/execution/id/{place.execution_id}",
                "message": {
                    "message": f"Execution {place.execution_id} of {place.namespace}.{place.flow_id}"
                },
                "extra": {"Namespace": place.namespace, "Flow ID": place.flow_id},
            },
        )


@plugin(
    "io.kestra.plugin.sentry.SentryExecution",
    aliases=("io.kestra.plugin.notifications.sentry.SentryExecution",),
)
class SentryExecution(SentryTask):
    """Send an event to Sentry that tells how an execution went.

    ```yaml
    id: alert
    type: io.kestra.plugin.sentry.SentryExecution
    dsn: "{{ secret('SENTRY_DSN') }}"
    level: ERROR
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    event_id: Annotated[
        str | None,
        Meta(
            pattern="^[0-9a-f]{32}$",
            description="Id of the event, 32 hexadecimal digits; by default a new one.",
        ),
    ] = None
    platform: Annotated[str, Meta(description="Platform that Sentry files the event under.")] = "PYTHON"
    level: Annotated[Level, Meta(description="How grave it is.")] = Level.ERROR
    transaction: Annotated[str | None, Meta(description="What was being done.")] = None
    server_name: Annotated[str | None, Meta(description="Where it happened.")] = None
    more: Annotated[dict[str, Any] | None, Meta(description="More data.")] = msgspec.field(
        name="extra", default=None
    )
    errors: Annotated[
        dict[str, Any] | None, Meta(description="What was wrong with the event's own data.")
    ] = None
    execution_id: ExecutionId = CURRENT
    custom_message: CustomMessage = None
    custom_fields: CustomFields = None
    template_render_map: RenderMap = None

    async def run(self, ctx: RunContext) -> None:
        """Send the report."""
        if self.payload is not None:
            await self.send(ctx, msgspec.json.decode(json_text(self.payload)))
        else:
            await self.send(ctx, self.compose(await report_of(ctx, self)))

    def compose(self, report: Report) -> dict[str, Any]:
        """The event."""
        parts = {
            "event_id": self.event_id,
            "platform": self.platform.lower(),
            "level": self.level.value.lower(),
            "transaction": self.transaction or f"/execution/id/{report.execution_id}",
            "server_name": self.server_name,
            "message": {
                "message": "\n".join(filter(None, (report.headline, report.verdict, report.custom_message)))
            },
            "extra": {
                **report.fields,
                **({"Link": report.link} if report.link else {}),
                **(self.more or {}),
            },
            "errors": self.errors,
        }
        return {name: value for name, value in parts.items() if value is not None}


def project(dsn: str, endpoint: Endpoint) -> tuple[str, str]:
    """The address that takes events of a project, and its public key.

    Raises:
        TaskError: that is no DSN.
    """
    try:
        parts = urlsplit(dsn.strip())
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise _not_a_dsn() from None
    path, _, number = parts.path.rstrip("/").rpartition("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username or not number:
        raise _not_a_dsn()
    return f"{parts.scheme}://{parts.hostname}{port}{path}/api/{number}/{endpoint.lower()}/", parts.username


def _not_a_dsn() -> TaskError:
    return TaskError(
        "that is not a DSN",
        where="dsn",
        mend="copy it from Sentry's project settings: https://KEY@HOST/PROJECT",
    )


def envelope(event: dict[str, Any]) -> bytes:
    """An event in Sentry's envelope: a header, the header of the item, the item."""
    item = msgspec.json.encode(event)
    head = {"event_id": event["event_id"], "sent_at": SystemClock().now()}
    about = {"type": "event", "content_type": "application/json", "length": len(item)}
    return b"\n".join([msgspec.json.encode(head), msgspec.json.encode(about), item, b""])

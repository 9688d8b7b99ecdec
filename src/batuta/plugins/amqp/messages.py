"""A message of AMQP as flows write and see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from batuta import iso8601
from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugins.messages import Serde


class Message(task.Output, frozen=True):
    """A message, as executions see it."""

    data: Any
    headers: dict[str, Any] | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    message_id: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    timestamp: datetime | None = None
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None


def received(ctx: RunContext, form: Serde, found: Any) -> Message:
    """A message of the library as ours; content that is not as told is given as text."""
    try:
        data = form.of_bytes(found.body)
    except TaskError as error:
        ctx.log.warn(f"{error.what}; it is passed on as text")
        data = Serde.STRING.of_bytes(found.body)
    expiration = found.expiration
    return Message(
        data=data,
        headers={name: plain(value) for name, value in (found.headers or {}).items()} or None,
        content_type=found.content_type,
        content_encoding=found.content_encoding,
        delivery_mode=None if found.delivery_mode is None else int(found.delivery_mode),
        priority=found.priority,
        message_id=found.message_id,
        correlation_id=found.correlation_id,
        reply_to=found.reply_to,
        expiration=None if expiration is None else iso8601.format_duration(_span(expiration)),
        timestamp=found.timestamp,
        type=found.type,
        user_id=found.user_id,
        app_id=found.app_id,
    )


def _span(expiration: Any) -> timedelta:
    return expiration if isinstance(expiration, timedelta) else timedelta(seconds=float(expiration))


def plain(value: Any) -> Any:
    """A header as JSON data."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode(errors="replace")
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def to_send(form: Serde, given: Any) -> Any:
    """A message for the library: of a map with `data` and properties, or of a plain value."""
    import aio_pika

    if not isinstance(given, dict) or "data" not in given:
        return aio_pika.Message(form.to_bytes(given), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    expiration, timestamp = given.get("expiration"), given.get("timestamp")
    return aio_pika.Message(
        form.to_bytes(given["data"]),
        headers=given.get("headers"),
        content_type=given.get("contentType"),
        content_encoding=given.get("contentEncoding"),
        delivery_mode=given.get("deliveryMode") or aio_pika.DeliveryMode.PERSISTENT,
        priority=given.get("priority"),
        message_id=given.get("messageId"),
        correlation_id=given.get("correlationId"),
        reply_to=given.get("replyTo"),
        expiration=iso8601.parse_duration(expiration) if isinstance(expiration, str) else expiration,
        timestamp=datetime.fromisoformat(timestamp) if isinstance(timestamp, str) else timestamp,
        type=given.get("type"),
        user_id=given.get("userId"),
        app_id=given.get("appId"),
    )

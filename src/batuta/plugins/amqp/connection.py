"""The way to an AMQP broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugins.messages import CONNECT_SECONDS, reaching

HEARTBEAT_SECONDS = 10
"""A broker that hangs is noticed when three heartbeats have not come."""

Url = Annotated[str | None, Meta(description="Address in one, such as `amqp://user:word@host:5672/vhost`.")]
Host = Annotated[str | None, Meta(description="Host of the broker.")]
Port = Annotated[int, Meta(description="Port of the broker.")]
Username = Annotated[str | None, Meta(description="User name.")]
Password = Annotated[str | None, Meta(description="Password.")]
VirtualHost = Annotated[str, Meta(description="Virtual host.")]


@asynccontextmanager
async def channel(of: Any, *, prefetch: int | None = None) -> AsyncIterator[Any]:
    """A channel to the broker that a task or trigger names.

    Raises:
        SourceDown: it cannot be reached, or is no longer there.
        TaskError: there is no such queue or exchange, or the broker refuses.
    """
    import aio_pika
    from aio_pika.exceptions import (
        AMQPConnectionError,
        AMQPError,
        ChannelInvalidStateError,
        ConnectionClosed,
    )

    url = address(of)
    parts = urlsplit(url)
    where = f"AMQP at {parts.hostname}:{parts.port or 5672}"
    try:
        async with reaching(where, AMQPConnectionError, ConnectionClosed, ChannelInvalidStateError):
            connection = await aio_pika.connect(_with_heartbeat(url), timeout=CONNECT_SECONDS)
            try:
                opened = await connection.channel()
                if prefetch is not None:
                    await opened.set_qos(prefetch_count=prefetch)
                yield opened
            finally:
                await connection.close()
    except AMQPError as error:
        raise TaskError(f"{where} refuses: {error}") from error


def _with_heartbeat(url: str) -> str:
    """The address, with a heartbeat unless it asks for another one."""
    if "heartbeat=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}heartbeat={HEARTBEAT_SECONDS}"


def address(of: Any) -> str:
    """The address, whichever way it is written.

    Raises:
        TaskError: there is none.
    """
    if of.url:
        return str(of.url)
    if not of.host:
        raise TaskError("neither `host` nor `url` names a broker", mend="write `host: localhost`")
    user = quote(of.username or "guest", safe="")
    word = quote(of.password or "guest", safe="")
    path = quote(unquote(of.virtual_host), safe="")
    return f"amqp://{user}:{word}@{of.host}:{of.port}/{path}"

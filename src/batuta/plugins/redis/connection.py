"""The way to a Redis server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugins.messages import CONNECT_SECONDS, reaching

Url = Annotated[str, Meta(min_length=1, description="Address, such as `redis://:password@localhost:6379/0`.")]
Key = Annotated[str, Meta(min_length=1, description="Name of the key.")]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    """A connection to a server. Values are bytes.

    Raises:
        SourceDown: it cannot be reached, or is no longer there.
        TaskError: the address is wrong, or the server refuses a command.
    """
    import redis.asyncio
    from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, TimeoutError

    try:
        client = redis.asyncio.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS,
            single_connection_client=True,
            health_check_interval=0,
        )
    except ValueError as error:
        raise TaskError(f"`url` cannot be used: {error}", mend="write redis://host:6379/0") from None
    parts = urlsplit(url)
    try:
        async with reaching(
            f"Redis at {parts.hostname}:{parts.port or 6379}", ConnectionError, TimeoutError, BusyLoadingError
        ):
            try:
                yield client
            finally:
                await client.aclose()
    except RedisError as error:
        raise TaskError(f"Redis refuses: {error}") from error

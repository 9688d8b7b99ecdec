"""The way to a NATS server."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from batuta.plugins.messages import CONNECT_SECONDS, reaching

PING_SECONDS = 10
"""A server that hangs is noticed when it has left three pings unanswered."""

Url = Annotated[str, Meta(min_length=1, description="Address, such as `nats://localhost:4222`.")]
Username = Annotated[str | None, Meta(description="User name.")]
Password = Annotated[str | None, Meta(description="Password.")]
Token = Annotated[str | None, Meta(description="Token in place of user and password.")]
Creds = Annotated[str | None, Meta(description="Content of a credentials file.")]


@asynccontextmanager
async def connected(to: Any) -> AsyncIterator[Any]:
    """A connection to the server that a task or trigger names; it is never made anew behind our back.

    Raises:
        SourceDown: it cannot be reached, or is no longer there.
    """
    from nats.errors import Error

    url = to.url if "://" in to.url else f"nats://{to.url}"
    folder: tempfile.TemporaryDirectory[str] | None = None
    options: dict[str, Any] = {}
    if to.username is not None:
        options["user"], options["password"] = to.username, to.password
    if to.token is not None:
        options["token"] = to.token
    if to.creds is not None:
        folder = tempfile.TemporaryDirectory(prefix="batuta-nats-")
        path = Path(folder.name) / "user.creds"
        path.write_text(to.creds)
        options["user_credentials"] = str(path)
    try:
        async with reaching(f"NATS at {_shown(url)}", Error, EOFError):
            client = await _connect(url, options)
            try:
                yield client
            finally:
                if not client.is_closed:
                    # The library takes a cancellation for that of its own tasks; ours must not get lost.
                    await asyncio.shield(asyncio.ensure_future(client.close()))
    finally:
        if folder is not None:
            folder.cleanup()


async def _connect(url: str, options: dict[str, Any]) -> Any:
    import nats
    from nats.errors import NoServersError

    heard: list[Exception] = []

    async def hear(error: Exception) -> None:
        heard.append(error)

    connecting = asyncio.ensure_future(
        nats.connect(
            url,
            name="batuta",
            connect_timeout=int(CONNECT_SECONDS),
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # 0 would be without end
            reconnect_time_wait=0,
            error_cb=hear,
            **options,
        )
    )
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        connecting.cancel()
        raise
    except NoServersError:
        raise (heard[-1] if heard else ConnectionError("nobody answers")) from None


def _shown(url: str) -> str:
    """An address without what is secret in it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"

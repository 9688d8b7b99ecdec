"""The way to an MQTT broker.

The library works in a thread of its own; its callbacks come to the event loop as messages and outcomes.
Messages are acknowledged by hand, once they were dealt with.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugins.messages import CONNECT_SECONDS, reaching

Server = Annotated[str, Meta(min_length=1, description="Address: `tcp://host:1883`, `ssl://host:8883`.")]
ClientId = Annotated[
    str, Meta(min_length=1, description="Name of the client; the broker keeps messages for it.")
]
Version = Annotated[Literal["V5", "V3"], Meta(description="Version of the protocol.")]
ConnectionTimeout = Annotated[timedelta | None, Meta(description="How long to wait for the broker.")]
Username = Annotated[str | None, Meta(description="User name.")]
Password = Annotated[str | None, Meta(description="Password.")]
AuthMethod = Annotated[str | None, Meta(description="Method of MQTT 5's enhanced authentication.")]
Crt = Annotated[str | None, Meta(description="Certificate of the authority: its content, or a path.")]
HostnameVerification = Annotated[
    bool, Meta(description="The broker's certificate must be for its host name.")
]
Qos = Annotated[int, Meta(ge=0, le=2, description="0: at most once, 1: at least once, 2: exactly once.")]

KEPT_SECONDS = 7 * 86_400
"""How long a broker keeps messages for a client that is away (MQTT 5)."""
MOST_WAITING = 1_000
"""Most messages that are taken from the broker and wait here."""


class Session:
    """A connection; messages come out of `messages`."""

    def __init__(self, client: Any, lost: asyncio.Future[None], messages: asyncio.Queue[Any]) -> None:
        self._client = client
        self._lost = lost
        self._messages = messages

    async def next(self, seconds: float | None) -> Any | None:
        """The next message; None when none comes within a time.

        Raises:
            ConnectionError: the broker has gone away.
        """
        waiting = asyncio.ensure_future(self._messages.get())
        try:
            await asyncio.wait({waiting, self._lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            if self._lost.done():
                self._lost.result()
            return None
        finally:
            waiting.cancel()

    async def acknowledge(self, message: Any) -> None:
        """Tell the broker that a message was dealt with."""
        self._client.ack(message.mid, message.qos)
        if self._lost.done():
            self._lost.result()

    async def publish(self, topic: str, content: bytes, *, qos: int, retain: bool) -> None:
        """Send a message; returns once the broker has it, as far as `qos` tells."""
        sent = self._client.publish(topic, content, qos=qos, retain=retain)
        done = asyncio.create_task(asyncio.to_thread(sent.wait_for_publish, CONNECT_SECONDS))
        await asyncio.wait({done, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done() and self._lost.done():
            self._lost.result()
        await done
        if not sent.is_published():
            raise ConnectionError("the broker does not confirm")


@asynccontextmanager
async def connected(to: Any, topics: list[str] | None = None, qos: int = 1) -> AsyncIterator[Session]:
    """A connection to the broker that a task or trigger names, subscribed to topics.

    With `topics` the broker keeps messages for the client while it is away, and those that were not
    acknowledged come again.

    Raises:
        SourceDown: it cannot be reached.
        TaskError: the address is wrong, or the broker refuses.
    """
    parts = urlsplit(to.server if "://" in to.server else f"tcp://{to.server}")
    if not parts.hostname:
        raise TaskError(f"`server` is no address: {to.server}", mend="write tcp://host:1883")
    port = parts.port or (8883 if parts.scheme in _SECURE else 1883)
    loop = asyncio.get_running_loop()
    connecting: asyncio.Future[Any] = loop.create_future()
    subscribing: asyncio.Future[Any] = loop.create_future()
    lost: asyncio.Future[None] = loop.create_future()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    client = _client(to, keeps=topics is not None)

    def settle(future: asyncio.Future[Any], value: Any) -> None:
        if not future.done():
            future.set_result(value)

    def lose(reason: Any) -> None:
        for future in (connecting, subscribing, lost):
            if not future.done():
                future.set_exception(ConnectionError(f"the connection was lost: {reason}"))
                future.exception()  # not everybody asks

    def connect(_: Any, __: Any, ___: Any, code: Any, *____: Any) -> None:
        loop.call_soon_threadsafe(settle, connecting, code)

    def subscribe(_: Any, __: Any, ___: Any, codes: Any, *____: Any) -> None:
        loop.call_soon_threadsafe(settle, subscribing, codes)

    def disconnect(_: Any, __: Any, ___: Any, code: Any, *____: Any) -> None:
        loop.call_soon_threadsafe(lose, code)

    def hear(_: Any, __: Any, message: Any) -> None:
        loop.call_soon_threadsafe(messages.put_nowait, message)

    client.on_connect, client.on_subscribe = connect, subscribe
    client.on_disconnect, client.on_message = disconnect, hear
    async with reaching(f"MQTT at {parts.hostname}:{port}"):
        with tempfile.TemporaryDirectory(prefix="batuta-mqtt-") as folder:
            _secure(client, to, parts.scheme, folder)
            timeout = (
                CONNECT_SECONDS if to.connection_timeout is None else to.connection_timeout.total_seconds()
            )
            client.connect_timeout = timeout
            await asyncio.to_thread(_connect, client, parts.hostname, port)
            client.loop_start()
            try:
                async with asyncio.timeout(timeout):
                    code = await connecting
                    if code.is_failure:
                        raise TaskError(f"the broker at {parts.hostname}:{port} refuses: {code}")
                    if topics:
                        client.subscribe([(topic, qos) for topic in topics])
                        refused = [each for each in await subscribing if each.is_failure]
                        if refused:
                            raise TaskError(f"the broker refuses the subscription: {refused[0]}")
                yield Session(client, lost, messages)
            finally:
                client.on_disconnect = None
                client.disconnect()
                await asyncio.shield(asyncio.to_thread(client.loop_stop))


_SECURE = frozenset({"ssl", "mqtts", "tls", "wss"})


def _client(to: Any, *, keeps: bool) -> Any:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    is_v5 = to.mqtt_version == "V5"
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=to.client_id,
        clean_session=None if is_v5 else not keeps,
        protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311,
        transport="websockets" if urlsplit(to.server).scheme in ("ws", "wss") else "tcp",
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages_set(MOST_WAITING)
    if to.username is not None:
        client.username_pw_set(to.username, to.password)
    client.user_data_set({"keeps": keeps, "auth_method": to.auth_method, "v5": is_v5})
    return client


def _connect(client: Any, host: str, port: int) -> None:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    given = client.user_data_get()
    if not given["v5"]:
        client.connect(host, port, keepalive=30)
        return
    make: Any = Properties
    properties = make(PacketTypes.CONNECT)
    properties.ReceiveMaximum = MOST_WAITING
    if given["keeps"]:
        properties.SessionExpiryInterval = KEPT_SECONDS
    if given["auth_method"]:
        properties.AuthenticationMethod = given["auth_method"]
    client.connect(host, port, keepalive=30, clean_start=not given["keeps"], properties=properties)


def _secure(client: Any, to: Any, scheme: str, folder: str) -> None:
    if scheme not in _SECURE:
        return
    path = to.crt
    if path is not None and "BEGIN CERTIFICATE" in path:
        path = f"{folder}/authority.pem"
        with open(path, "w", encoding="ascii") as file:
            file.write(to.crt)
    try:
        client.tls_set(ca_certs=path)
    except OSError as error:
        raise TaskError(
            f"`crt` cannot be read: {error}", mend="give the content of the certificate"
        ) from None
    client.tls_insecure_set(not to.https_hostname_verification_enabled)

"""Settings of Kafka's own clients, as `aiokafka` wants them."""

from __future__ import annotations

import asyncio
import logging
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugins.messages import reaching

Properties = Annotated[
    dict[str, Any], Meta(description="Settings of Kafka's client, such as `bootstrap.servers`.")
]
SerdeProperties = Annotated[
    dict[str, Any], Meta(description="`keySerializer`, `valueDeserializer` and the like.")
]

STOP_SECONDS = 10.0
"""How long a client may take to say good-bye."""

log = logging.getLogger(__name__)

_PLAIN = {
    "client.id": "client_id",
    "request.timeout.ms": "request_timeout_ms",
    "metadata.max.age.ms": "metadata_max_age_ms",
    "connections.max.idle.ms": "connections_max_idle_ms",
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
}
_CONSUMER = {
    "auto.offset.reset": "auto_offset_reset",
    "session.timeout.ms": "session_timeout_ms",
    "heartbeat.interval.ms": "heartbeat_interval_ms",
    "max.poll.interval.ms": "max_poll_interval_ms",
    "max.poll.records": "max_poll_records",
    "fetch.max.wait.ms": "fetch_max_wait_ms",
    "isolation.level": "isolation_level",
    "group.instance.id": "group_instance_id",
}
_PRODUCER = {
    "acks": "acks",
    "compression.type": "compression_type",
    "linger.ms": "linger_ms",
    "max.request.size": "max_request_size",
    "enable.idempotence": "enable_idempotence",
    "transactional.id": "transactional_id",
}
_WHOLE = frozenset(
    name for name in {**_PLAIN, **_CONSUMER, **_PRODUCER} if name.endswith((".ms", ".records", ".size"))
)


def arguments(properties: Mapping[str, Any], folder: Path, *, consumes: bool) -> dict[str, Any]:
    """Arguments of the library; certificates given as text are written to `folder`.

    Raises:
        TaskError: there are no servers, or a setting has no meaning here.
    """
    given = {str(name): value for name, value in properties.items()}
    servers = given.get("bootstrap.servers")
    if not servers:
        raise TaskError(
            "`properties` names no broker", mend="write `bootstrap.servers: localhost:9092` among them"
        )
    known = {**_PLAIN, **(_CONSUMER if consumes else _PRODUCER)}
    found: dict[str, Any] = {"bootstrap_servers": [each.strip() for each in str(servers).split(",")]}
    for name, argument in known.items():
        if name in given:
            found[argument] = int(given[name]) if name in _WHOLE else given[name]
    if found.get("acks") in ("0", "1"):
        found["acks"] = int(found["acks"])
    if "enable_idempotence" in found:
        found["enable_idempotence"] = str(found["enable_idempotence"]).lower() == "true"
    jaas = given.get("sasl.jaas.config")
    if jaas:
        found["sasl_plain_username"] = _of_jaas(str(jaas), "username")
        found["sasl_plain_password"] = _of_jaas(str(jaas), "password")
    if "SSL" in str(found.get("security_protocol", "")):
        found["ssl_context"] = _tls(given, folder)
    return found


def _of_jaas(text: str, name: str) -> str:
    """A value of `...LoginModule required username="a" password="b";`."""
    _, found, rest = text.partition(f"{name}=")
    if not found or rest[:1] not in ("'", '"'):
        raise TaskError(f'`sasl.jaas.config` has no {name}="..."')
    return rest[1:].partition(rest[0])[0]


def _tls(given: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    if str(given.get("ssl.keystore.type", "PEM")).upper() == "JKS" or given.get("ssl.keystore.location"):
        raise TaskError(
            "key stores of Java cannot be read",
            mend="give PEM texts: `ssl.keystore.certificate.chain`, `ssl.keystore.key`, "
            "`ssl.truststore.certificates`",
        )
    context = ssl.create_default_context(cadata=given.get("ssl.truststore.certificates"))
    if given.get("ssl.endpoint.identification.algorithm") == "":
        context.check_hostname = False
    chain, key = given.get("ssl.keystore.certificate.chain"), given.get("ssl.keystore.key")
    if chain and key:
        path = folder / "client.pem"
        path.touch(mode=0o600)
        path.write_text(f"{key}\n{chain}\n")
        context.load_cert_chain(path, password=given.get("ssl.key.password"))
    return context


@asynccontextmanager
async def client(
    properties: Mapping[str, Any], make: Any, *, consumes: bool, **more: Any
) -> AsyncIterator[Any]:
    """A started producer or consumer of the library.

    Raises:
        SourceDown: no broker can be reached, or none is left.
        TaskError: the settings are wrong.
    """
    from aiokafka.errors import KafkaError

    # That a broker is down is told by the task or the trigger, and not ten times a second by the library.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="batuta-kafka-") as folder:
        given = {**arguments(properties, Path(folder), consumes=consumes), **more}
        servers = ",".join(given["bootstrap_servers"])
        async with reaching(f"Kafka at {servers}", KafkaError):
            try:
                made = make(**given)
            except (ValueError, TypeError, AssertionError) as error:
                raise TaskError(f"`properties` do not fit: {error}") from None
            try:
                await made.start()
                yield made
            finally:
                await _end(made)


async def _end(made: Any) -> None:
    """Close a producer or consumer; that the broker is gone is no news then."""
    from aiokafka.errors import KafkaError

    try:
        async with asyncio.timeout(STOP_SECONDS):
            await made.stop()
    except (KafkaError, OSError) as error:
        log.debug("a client of Kafka was not closed well: %s", error)
    except asyncio.CancelledError:
        # The library lets out the cancellation of its own tasks.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise

"""Messages of a subject: of the JetStream stream that holds it, or as they pass by where none does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta

from batuta.clock import SystemClock
from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.trigger import SourceDown
from batuta.plugins.messages import instant

Subject = Annotated[str, Meta(min_length=1, description="Subject; `*` and `>` stand for others.")]
DurableId = Annotated[str | None, Meta(description="Name of the durable consumer: where it was, it goes on.")]
Since = Annotated[str | None, Meta(description="Only messages from this instant on.")]
PollDuration = Annotated[timedelta, Meta(description="How long to wait for messages.")]
BatchSize = Annotated[int, Meta(ge=1, description="Messages that are fetched at once.")]
DeliverPolicy = Annotated[
    Literal[
        "All", "Last", "New", "ByStartSequence", "ByStartTime", "LastPerSubject",
    ],
    Meta(description="Where a new consumer begins."),
]  # fmt: skip


class Message(task.Output, frozen=True):
    """A message, as executions see it."""

    subject: str
    headers: dict[str, list[str]]
    data: str
    timestamp: datetime


def shown(message: Any) -> Message:
    """A message of the library as ours."""
    headers: dict[str, list[str]] = {}
    for name, value in (message.headers or {}).items():
        headers.setdefault(str(name), []).append(str(value))
    at = SystemClock().now() if not message.reply.startswith("$JS.ACK") else message.metadata.timestamp
    return Message(
        subject=message.subject,
        headers=headers,
        data=message.data.decode(errors="replace"),
        timestamp=at,
    )


def occasion(message: Any) -> str:
    """What a stream knows a message by. The instant tells it from one of another stream of that name."""
    meta = message.metadata
    return f"{meta.stream}:{meta.sequence.stream}:{round(meta.timestamp.timestamp() * 1_000_000)}"


async def subscription(client: Any, of: Any, ctx: RunContext) -> Any | None:
    """A pull consumer of the stream that holds the subject; None where there is none.

    Raises:
        TaskError: the durable consumer that there is does not fit.
    """
    from nats.js.api import ConsumerConfig
    from nats.js.api import DeliverPolicy as Policy
    from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

    since = instant(of.since, "since")
    stream = client.jetstream()
    try:
        name = await stream.find_stream_name_by_subject(of.subject)
    except (NotFoundError, ServiceUnavailableError):
        return None
    policy = Policy.BY_START_TIME if since is not None else Policy(_POLICIES[of.deliver_policy])
    config = ConsumerConfig(
        deliver_policy=policy,
        filter_subject=of.subject,
        opt_start_time=None if since is None else since.astimezone(UTC).isoformat(),  # type: ignore[arg-type]
    )
    try:
        return await stream.pull_subscribe(of.subject, durable=of.durable_id, stream=name, config=config)
    except APIError as error:
        raise TaskError(
            f"the consumer `{of.durable_id}` cannot be used: {error.description}",
            mend="use another `durableId`, or delete the consumer on the server",
        ) from error


_POLICIES = {
    "All": "all",
    "Last": "last",
    "New": "new",
    "ByStartSequence": "by_start_sequence",
    "ByStartTime": "by_start_time",
    "LastPerSubject": "last_per_subject",
}


async def fetched(client: Any, pull: Any, most: int, seconds: float) -> list[Any]:
    """The next messages of a pull consumer; none when there are none within a time.

    Raises:
        SourceDown: the server is gone.
    """
    from nats.errors import TimeoutError as NoMessages

    try:
        found: list[Any] = await pull.fetch(most, timeout=max(seconds, 0.05))
    except (NoMessages, TimeoutError):
        found = []
    if not client.is_connected:
        raise SourceDown("the NATS server has gone away", mend="it is tried again by itself")
    return found


async def passing(client: Any, subject: str) -> AsyncIterator[Any]:
    """Messages that pass by from now on.

    Raises:
        SourceDown: the server is gone.
    """
    from nats.errors import TimeoutError as NoMessages

    heard = await client.subscribe(subject)
    await client.flush()
    while True:
        try:
            yield await heard.next_msg(timeout=1)
        except (NoMessages, TimeoutError):
            if not client.is_connected:
                raise SourceDown("the NATS server has gone away") from None
            yield None

"""Messages sent to a subject."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.messages import Data, messages_of
from batuta.plugins.nats.connection import Creds, Password, Token, Url, Username, connected


@plugin("io.kestra.plugin.nats.core.Produce", aliases=("io.kestra.plugin.nats.Produce",))
class Produce(RunnableTask):
    """Send messages to a subject of NATS.

    A message is a map of `data` and, if you like, `headers`. It is sent as the core protocol does: where a
    JetStream stream holds the subject, the stream takes it.

    ```yaml
    id: send
    type: io.kestra.plugin.nats.core.Produce
    url: nats://localhost:4222
    subject: orders.new
    from:
      - data: '{"order": 1}'
        headers: {source: batuta}
    ```
    """

    extra = "nats"

    url: Url
    subject: Annotated[str, Meta(min_length=1, description="Subject to send to.")]
    from_: Data = field(name="from")
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None

    class Output(task.Output, frozen=True):
        """How many were sent."""

        messages_count: Annotated[int, Meta(description="Messages that were sent.")]

    async def run(self, ctx: RunContext) -> Output:
        """Send."""
        count = 0
        async with connected(self) as client:
            async for each in messages_of(ctx, self.from_):
                data, headers = _parts(each)
                await client.publish(self.subject, data, headers=headers)
                count += 1
            await client.flush()
        ctx.metrics.count("records", count)
        return self.Output(messages_count=count)


def _parts(message: Any) -> tuple[bytes, dict[str, str] | None]:
    if not isinstance(message, dict):
        return _bytes(message), None
    if "data" not in message:
        raise TaskError("a message has no `data`", mend="write `data: ...` and, if you like, `headers: ...`")
    headers = message.get("headers") or {}
    flat = {
        str(name): ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in headers.items()
    }
    return _bytes(message["data"]), flat or None


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)

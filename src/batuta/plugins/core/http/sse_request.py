"""A call whose answer is a stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta import expr
from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.converters import as_text
from batuta.plugin.registry import plugin
from batuta.plugins.core.http.calling import HttpTask, without_login
from batuta.plugins.core.http.event_stream import EventStream, ServerEvent

_ALL = "{{ value | jq(program) }}"


@plugin("io.kestra.plugin.core.http.SseRequest")
class SseRequest(HttpTask):
    """Call an address that sends events (server-sent events), and keep them until the stream ends.

    With `concatJqExpression` each event's data is read as JSON, a jq expression takes a text out of it, and
    the texts are joined: that is how language models answer.

    ```yaml
    id: follow
    type: io.kestra.plugin.core.http.SseRequest
    uri: http://localhost:8000/events
    concatJqExpression: .delta
    maxEvents: 100
    ```
    """

    concat_jq_expression: Annotated[
        str | None, Meta(description="What to take out of each event's data and join, in jq.")
    ] = None
    failed_on_missing_jq: Annotated[
        bool, Meta(description="Fail where an event has nothing at that place; else the event is left out.")
    ] = True
    max_events: Annotated[int | None, Meta(ge=1, description="Stop after so many events.")] = None

    class Output(task.Output, frozen=True):
        """The events."""

        uri: Annotated[str, Meta(description="Address that was called.")]
        size: Annotated[int, Meta(description="Number of events.")]
        events: Annotated[
            list[ServerEvent] | None,
            Meta(description="The events; without `concatJqExpression`."),
        ] = None
        result: Annotated[str | None, Meta(description="The joined texts; with `concatJqExpression`.")] = None

    def own_headers(self) -> dict[str, str]:
        """What a server wants to see that has events."""
        return {"Accept": "text/event-stream", "Cache-Control": "no-store"}

    async def run(self, ctx: RunContext) -> Output:
        """Listen until the stream ends, or there are enough."""
        texts: list[str] = []
        events: list[ServerEvent] = []
        async with self.exchange(ctx) as answer:
            size, seen = 0, 0
            async for event in self._events(answer.aiter_bytes()):
                size += 1
                if self.concat_jq_expression is not None:
                    texts.append(await self._text(ctx, event, size))
                else:
                    events.append(event)
                seen += len(event.data or "")
                if seen > self.most_bytes:
                    raise TaskError(
                        f"The events have more than {self.most_bytes} characters",
                        mend="set `maxEvents`, or raise `options.maxContentLength`",
                    )
            ctx.metrics.count("size", size)
            return self.Output(
                uri=without_login(str(answer.url)),
                size=size,
                events=events if self.concat_jq_expression is None else None,
                result="".join(texts) if self.concat_jq_expression is not None else None,
            )

    async def _events(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[ServerEvent]:
        stream, count = EventStream(), 0
        async for chunk in chunks:
            for event in stream.feed(chunk):
                if event.data is None and self.concat_jq_expression is not None:
                    continue  # a comment that keeps the connection alive
                yield event
                count += 1
                if count == self.max_events:
                    return

    async def _text(self, ctx: RunContext, event: ServerEvent, number: int) -> str:
        """What the jq expression finds in an event.

        Raises:
            TaskError: nothing, and that counts.
        """
        # Some write `$.name`, as in JSONPath; jq's own way begins with the dot.
        program = (self.concat_jq_expression or "").strip().removeprefix("$")
        try:
            found: Any = await ctx.native(_ALL, value=_value(event.data), program=program or ".")
        except expr.ExpressionError as error:
            complaint = f"concatJqExpression: event {number}: {error.message}"
        else:
            texts = [as_text(each) for each in _each(found) if each is not None]
            if texts:
                return "".join(texts)
            complaint = f"concatJqExpression: event {number} has nothing at `{program}`"
        if self.failed_on_missing_jq:
            raise TaskError(complaint, mend="set `failedOnMissingJq: false` to leave such events out")
        return ""


def _value(data: str | None) -> Any:
    """Data as JSON, and as text where it is none."""
    try:
        return msgspec.json.decode(data or "null")
    except msgspec.DecodeError:
        return data


def _each(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]

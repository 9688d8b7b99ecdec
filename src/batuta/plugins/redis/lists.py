"""Lists as queues: tasks that fill and empty them, and triggers that start flows for their elements."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated, Any

from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugin.trigger import Feed, Found, Inputs, PollingTrigger, RealtimeTrigger, TriggerContext
from batuta.plugins.messages import Data, Limits, MaxDuration, MaxRecords, RowFile, Serde, messages_of
from batuta.plugins.redis.connection import Key, Url, connected
from batuta.plugins.redis.handover import Handover
from batuta.plugins.redis.strings import Form

WAIT_SECONDS = 5.0
"""How long one request for an element stays open on the server."""
PAUSE_SECONDS = 0.1
"""Between two looks at a list that is empty."""

Count = Annotated[int, Meta(ge=1, description="Elements that are taken at once.")]


class Popped(task.Output, frozen=True):
    """What was taken."""

    count: Annotated[int, Meta(description="Elements that were taken.")]
    uri: Annotated[str, Meta(description="URI of a row file of them.")]


@plugin("io.kestra.plugin.redis.list.ListPush", aliases=("io.kestra.plugin.redis.ListPush",))
class ListPush(RunnableTask):
    """Put values at the head of a list.

    ```yaml
    id: push
    type: io.kestra.plugin.redis.list.ListPush
    url: redis://localhost:6379/0
    key: queue
    from: [first, second]
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    from_: Data = field(name="from")
    serde_type: Form = Serde.STRING
    batch_size: Annotated[int, Meta(ge=1, description="Values that are sent at once.")] = 500

    class Output(task.Output, frozen=True):
        """How many there were."""

        count: Annotated[int, Meta(description="Values that were put there.")]

    async def run(self, ctx: RunContext) -> Output:
        """Put them there."""
        count = 0
        waiting: list[bytes] = []
        async with connected(self.url) as client:
            async for each in messages_of(ctx, self.from_):
                waiting.append(self.serde_type.to_bytes(each))
                count += 1
                if len(waiting) >= self.batch_size:
                    await client.lpush(self.key, *waiting)
                    waiting.clear()
            if waiting:
                await client.lpush(self.key, *waiting)
        ctx.metrics.count("inserted.records.count", count)
        return self.Output(count=count)


@plugin("io.kestra.plugin.redis.list.ListPop", aliases=("io.kestra.plugin.redis.ListPop",))
class ListPop(RunnableTask):
    """Take elements from the head of a list and store them as a row file.

    It stops at `maxRecords` or `maxDuration`; without either, once the list is empty.

    ```yaml
    id: pop
    type: io.kestra.plugin.redis.list.ListPop
    url: redis://localhost:6379/0
    key: queue
    maxRecords: 1000
    maxDuration: PT10S
    ```
    """

    extra = "redis"

    Output = Popped

    url: Url
    key: Key
    serde_type: Form = Serde.STRING
    count: Count = 100
    max_records: MaxRecords = None
    max_duration: MaxDuration = None

    async def run(self, ctx: RunContext) -> Popped:
        """Take them."""
        limits = Limits(self.max_records, self.max_duration)
        async with connected(self.url) as client:
            rows = RowFile(ctx)
            held = Handover(client, self.key, ctx.identity.task_run_id)
            # A try of this task that was cut off has left there what it had taken.
            for element in await held.elements():
                rows.add(self.serde_type.of_bytes(element))
            while not limits.reached(rows.count):
                found = await held.take(limits.room(rows.count, self.count))
                for element in found:
                    rows.add(self.serde_type.of_bytes(element))
                if not found:
                    if self.max_duration is None:
                        break
                    await asyncio.sleep(limits.seconds(PAUSE_SECONDS))
            uri = await rows.stored()
            await held.forget()
        ctx.metrics.count("popped.records.count", rows.count)
        return Popped(count=rows.count, uri=uri)


@plugin(
    "io.kestra.plugin.redis.list.Trigger",
    aliases=("io.kestra.plugin.redis.TriggerList", "io.kestra.plugin.redis.list.TriggerList"),
)
class Trigger(PollingTrigger):
    """Look at a list every now and then, and start the flow with the elements that are there.

    The execution sees `trigger.count` and `trigger.uri`, a row file. Elements leave the server once the
    execution exists, so that none is lost or doubled.

    ```yaml
    id: queue
    type: io.kestra.plugin.redis.list.Trigger
    url: redis://localhost:6379/0
    key: queue
    interval: PT30S
    maxRecords: 100
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    serde_type: Form = Serde.STRING
    count: Count = 100
    max_records: MaxRecords = None
    max_duration: MaxDuration = None
    inputs: Inputs = None

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Take what there is."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(connected(self.url))
            held = Handover(client, self.key, reader_of(ctx))
            elements = await held.elements()
            if elements and not await ctx.unseen([await held.name()]):
                await held.done()
                elements = []
            elements += await self._taken(held, len(elements))
            if not elements:
                return None
            rows = RowFile(ctx)
            for element in elements:
                rows.add(decoded(ctx, self.serde_type, element))
            name = await held.name()
            variables = Popped(count=rows.count, uri=await rows.stored())
            kept = stack.pop_all()
        return Found(variables=variables, occasions=(name,), settle=held.done, release=kept.aclose)

    async def _taken(self, held: Handover, count: int) -> list[bytes]:
        limits = Limits(self.max_records, self.max_duration)
        taken: list[bytes] = []
        while not limits.reached(count + len(taken)):
            found = await held.take(limits.room(count + len(taken), self.count))
            taken += found
            if not found:
                if self.max_duration is None:
                    break
                await asyncio.sleep(limits.seconds(PAUSE_SECONDS))
        return taken


@plugin(
    "io.kestra.plugin.redis.list.RealtimeTrigger",
    aliases=("io.kestra.plugin.redis.RealtimeTrigger", "io.kestra.plugin.redis.list.RealtimeTriggerList"),
)
class Realtime(RealtimeTrigger):
    """Start an execution for each element of a list, as soon as it is there.

    The execution sees it as `trigger.value`. An element leaves the server once its execution exists, so that
    none is lost or doubled.

    ```yaml
    id: queue
    type: io.kestra.plugin.redis.list.RealtimeTrigger
    url: redis://localhost:6379/0
    key: queue
    ```
    """

    extra = "redis"

    url: Url
    key: Key
    serde_type: Form = Serde.STRING
    inputs: Inputs = None

    async def listen(self, ctx: TriggerContext, feed: Feed) -> None:
        """Listen until cancelled."""
        async with connected(self.url) as client:
            held = Handover(client, self.key, reader_of(ctx))
            waiting = await held.elements()
            await feed.opened()
            while True:
                if not waiting:
                    element = await held.wait(WAIT_SECONDS)
                    waiting = [] if element is None else [element]
                    continue
                name = await held.name()
                for place, element in enumerate(waiting):
                    value = {"value": decoded(ctx, self.serde_type, element)}
                    await feed.emit(value, occasion=f"{name}:{place}")
                await held.done()
                waiting = []


def reader_of(ctx: TriggerContext) -> str:
    """A name of the trigger for keys on the server."""
    return f"{ctx.identity.namespace}.{ctx.identity.flow_id}.{ctx.identity.task_id}"


def decoded(ctx: RunContext, form: Serde, content: bytes) -> Any:
    """The value of an element; one that cannot be read as told is given as text, and holds up no others."""
    try:
        return form.of_bytes(content)
    except TaskError as error:
        ctx.log.warn(f"{error.what}; it is passed on as text")
        return Serde.STRING.of_bytes(content)

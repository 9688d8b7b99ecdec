"""Who waits for which execution: one subscription to the bus for the whole site, told apart by id.

A watch is woken by a hint and says nothing about it; whoever waits looks at the rows. Hints that come while
nobody waits are remembered as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from batuta.bus.port import Bus, ExecutionChanged, LogsWritten
from batuta.errors import OperatorError


class Stopping(OperatorError):
    """The server is stopping."""

    code = "operator.stopping"


class Watch:
    """Wakes one waiter."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._over = False

    def wake(self, *, over: bool = False) -> None:
        """There may be something to see; with `over` there will never be more."""
        self._over = self._over or over
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Return once woken, and at the latest after some seconds.

        Raises:
            Stopping: no hint will ever come again.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        if self._over:
            raise Stopping
        self._woken.clear()


class Watches:
    """All watches of a site. Belongs to one event loop."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._by_name: dict[tuple[type[Any], str], set[Watch]] = {}
        self._pump: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def on(self, execution_id: str, *kinds: type[Any]) -> AsyncIterator[Watch]:
        """A watch for hints of some classes about an execution, from the moment the context is entered."""
        await self._listen()
        watch = Watch()
        names = [(kind, execution_id) for kind in kinds or (ExecutionChanged,)]
        for name in names:
            self._by_name.setdefault(name, set()).add(watch)
        try:
            yield watch
        finally:
            for name in names:
                watches = self._by_name[name]
                watches.discard(watch)
                if not watches:
                    del self._by_name[name]

    async def _listen(self) -> None:
        """Subscribe once; the subscription ends with the bus."""
        if self._pump is not None and not self._pump.done():
            return
        async with AsyncExitStack() as opening:
            hints = await opening.enter_async_context(self._bus.subscribe(ExecutionChanged, LogsWritten))
            self._pump = asyncio.create_task(self._tell(hints, opening.pop_all()), name="watches")

    async def _tell(self, hints: AsyncIterator[Any], opened: AsyncExitStack) -> None:
        async with opened:
            async for hint in hints:
                for watch in self._by_name.get((type(hint), hint.execution_id), ()):
                    watch.wake()
        for watches in self._by_name.values():
            for watch in watches:
                watch.wake(over=True)

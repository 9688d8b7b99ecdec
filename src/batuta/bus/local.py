"""The bus within one process: a bounded queue per subscription."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from batuta.bus.port import AnyHint

MOST_HINTS = 10_000
"""Hints that one subscription keeps; beyond that the oldest are dropped."""


class LocalBus:
    """See `batuta.bus.port.Bus`. Belongs to one event loop."""

    def __init__(self, most: int = MOST_HINTS) -> None:
        self._most = most
        self._subscriptions: dict[type[Any], list[_Subscription]] = {}
        self._open: set[_Subscription] = set()

    async def publish(self, *hints: AnyHint) -> None:
        """Put the hints into the queues of whoever subscribed to their class; never waits."""
        for hint in hints:
            for subscription in self._subscriptions.get(type(hint), ()):
                subscription.put(hint)

    @asynccontextmanager
    async def subscribe(self, *kinds: type[Any]) -> AsyncIterator[AsyncIterator[Any]]:
        """Hints of these classes from the moment the context is entered."""
        subscription = _Subscription(self._most)
        self._open.add(subscription)
        for kind in set(kinds):
            self._subscriptions.setdefault(kind, []).append(subscription)
        try:
            yield subscription
        finally:
            self._forget(subscription)

    def _forget(self, subscription: _Subscription) -> None:
        subscription.end()
        self._open.discard(subscription)
        for kind, subscriptions in list(self._subscriptions.items()):
            if subscription in subscriptions:
                subscriptions.remove(subscription)
            if not subscriptions:
                del self._subscriptions[kind]

    async def close(self) -> None:
        """End every subscription; hints that they hold already are still given."""
        for subscription in list(self._open):
            self._forget(subscription)


class _Subscription:
    """An iterator over the hints of one receiver."""

    def __init__(self, most: int) -> None:
        self._hints: deque[Any] = deque(maxlen=most)
        self._arrived = asyncio.Event()
        self._ended = False

    def put(self, hint: Any) -> None:
        self._hints.append(hint)
        self._arrived.set()

    def end(self) -> None:
        self._ended = True
        self._arrived.set()

    def __aiter__(self) -> _Subscription:
        return self

    async def __anext__(self) -> Any:
        while not self._hints:
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._hints.popleft()

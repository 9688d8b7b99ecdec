"""Elements taken from a list so that none is lost, and none is dealt with twice.

A plain pop forgets an element before anybody has dealt with it. Here elements move to a list of their own in
one command, the *hand-over*, and leave it once their execution exists. A counter beside it grows in the same
transaction that empties it. So its value names what lies there: who finds elements there after a crash asks
under that name whether they were dealt with.
"""

from __future__ import annotations

from time import time_ns
from typing import Any


class Handover:
    """The elements of a list that were taken by one reader and not dealt with."""

    def __init__(self, client: Any, key: str, reader: str) -> None:
        self._client = client
        self._key = key
        self._list = f"{key}:batuta:{reader}"
        self._counter = f"{self._list}:count"

    async def name(self) -> str:
        """What the elements that lie there now are known by."""
        # The first value is the instant: a server that lost everything never counts from that number again.
        await self._client.set(self._counter, time_ns(), nx=True)
        count = await self._client.get(self._counter)
        return f"{self._list}:{count.decode()}"

    async def elements(self) -> list[bytes]:
        """What lies there, in the order of the list it came from."""
        found: list[bytes] = await self._client.lrange(self._list, 0, -1)
        return found

    async def take(self, most: int) -> list[bytes]:
        """Take up to so many elements from the head of the list; fewer when there are not as many."""
        pipe = self._client.pipeline(transaction=True)
        for _ in range(most):
            pipe.lmove(self._key, self._list, "LEFT", "RIGHT")
        return [each for each in await pipe.execute() if each is not None]

    async def wait(self, seconds: float) -> bytes | None:
        """Take the next element, and wait for one; None when none comes within a time."""
        found: bytes | None = await self._client.blmove(self._key, self._list, seconds, "LEFT", "RIGHT")
        return found

    async def done(self) -> None:
        """What lies there was dealt with."""
        pipe = self._client.pipeline(transaction=True)
        pipe.delete(self._list)
        pipe.incr(self._counter)
        await pipe.execute()

    async def forget(self) -> None:
        """It was dealt with, and this reader will not come again."""
        await self._client.delete(self._list, self._counter)

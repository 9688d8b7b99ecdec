"""Takes away what has had its time: key-value entries that have expired (stores spec §A13.1).

Executions and log lines go when a flow says so, with `PurgeExecutions` and `PurgeLogs`.
"""

from __future__ import annotations

import asyncio
import logging

from batuta.errors import BatutaError
from batuta.ports import Ports

MOST_AT_ONCE = 1_000
"""Entries that one transaction removes."""

log = logging.getLogger(__name__)


class Retention:
    """Looks now and then. Nobody sees an expired entry meanwhile; this only gives the room back."""

    def __init__(self, ports: Ports, pause_seconds: float) -> None:
        self._ports = ports
        self._pause = pause_seconds

    async def run(self) -> None:
        """Clear until cancelled; never, if the pause is 0."""
        while self._pause > 0:
            await asyncio.sleep(self._pause)
            try:
                removed = await self.clear()
            except BatutaError as error:
                log.warning("expired entries could not be removed: %s", error)
                continue
            if removed:
                log.info("%d expired key-value entries removed", removed)

    async def clear(self) -> int:
        """Remove every entry that has expired by now; how many there were."""
        total = 0
        while removed := await self._ports.store.kv.purge(self._ports.clock.now(), MOST_AT_ONCE):
            total += removed
            if removed < MOST_AT_ONCE:
                break
        return total

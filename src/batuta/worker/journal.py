"""Log lines and metrics of all attempts on their way to the store: in order, many in one commit."""

from __future__ import annotations

import asyncio
import logging

from batuta.bus.port import Bus, LogsWritten
from batuta.errors import StoreError
from batuta.model.records import LogLine, Metric
from batuta.store.batch import Batch
from batuta.store.port import Store

LINGER_SECONDS = 0.05
"""How long a line waits for company."""
ENOUGH_FOR_BATCH = 500
"""Lines that are written without waiting for more."""
MOST_WAITING = 5_000
"""Lines in memory above which whoever reads output is held back."""
_MOST_TRIES = 5

log = logging.getLogger(__name__)


class Journal:
    """Takes lines at once and writes them soon."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._lines: list[LogLine] = []
        self._metrics: list[Metric] = []
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._writing = asyncio.Lock()
        self._roomy = asyncio.Event()
        self._roomy.set()

    def add(self, line: LogLine) -> None:
        """Take a line."""
        self._lines.append(line)
        self._taken()

    def measure(self, metric: Metric) -> None:
        """Take a measurement."""
        self._metrics.append(metric)
        self._taken()

    async def room(self) -> None:
        """Return when there is room for more; at once unless the store is slow."""
        await self._roomy.wait()

    async def flush(self) -> None:
        """Return when everything that was taken before has reached the store."""
        while self._lines or self._metrics or self._writing.locked():
            async with self._writing:
                await self._write()

    async def run(self) -> None:
        """Write what comes until cancelled; what is left then is for `flush`."""
        while True:
            await self._wake.wait()
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            self._wake.clear()
            await self.flush()

    def _taken(self) -> None:
        self._wake.set()
        waiting = len(self._lines) + len(self._metrics)
        if waiting >= ENOUGH_FOR_BATCH:
            self._full.set()
            if waiting >= MOST_WAITING:
                self._roomy.clear()

    async def _write(self) -> None:
        while self._lines or self._metrics:
            batch = Batch(logs=self._lines[:MOST_WAITING], metrics=self._metrics[:MOST_WAITING])
            await self._commit(batch)
            del self._lines[: len(batch.logs)]
            del self._metrics[: len(batch.metrics)]
            if len(self._lines) + len(self._metrics) < MOST_WAITING:
                self._roomy.set()
            executions = dict.fromkeys(line.execution_id for line in batch.logs)
            if executions:
                await self._bus.publish(*(LogsWritten(execution_id=each) for each in executions))

    async def _commit(self, batch: Batch) -> None:
        for attempt in range(_MOST_TRIES):
            try:
                await self._store.commit(batch)
                return
            except StoreError as error:
                log.warning("log lines could not be written, try %d: %s", attempt + 1, error)
                await asyncio.sleep(0.1 * 2**attempt)
        log.error("%d log lines and %d metrics are lost", len(batch.logs), len(batch.metrics))

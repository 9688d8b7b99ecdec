"""Log lines on their way to the store."""

from __future__ import annotations

import asyncio

import pytest

from batuta.errors import StoreError
from batuta.model.records import LogLine
from batuta.model.task import LogLevel
from batuta.worker.journal import MOST_WAITING, Journal


def line(shop, text):
    return LogLine(
        execution_id="e",
        namespace="n",
        flow_id="f",
        at=shop.ports.clock.now(),
        level=LogLevel.INFO,
        message=text,
    )


async def messages(shop):
    return [stored.line.message for stored in await shop.ports.store.logs.of_execution("e")]


async def test_lines_are_written_soon_without_being_asked_for(shop):
    from batuta.bus.port import LogsWritten

    async with shop.ports.bus.subscribe(LogsWritten) as hints:
        shop.bench.journal.add(line(shop, "one"))
        async with asyncio.timeout(5):
            await anext(hints)

    assert await messages(shop) == ["one"]


async def test_a_flush_returns_when_all_lines_are_in_the_store(shop):
    for number in range(1_000):
        shop.bench.journal.add(line(shop, str(number)))

    await shop.bench.journal.flush()

    assert await messages(shop) == [str(number) for number in range(1_000)]


async def test_whoever_writes_too_fast_is_held_back_until_there_is_room(shop):
    journal = Journal(shop.ports.store, shop.ports.bus)
    for number in range(MOST_WAITING):
        journal.add(line(shop, str(number)))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await journal.room()
    await journal.flush()

    await journal.room()


async def test_a_store_that_fails_for_a_moment_loses_no_line(shop):
    class Shaky:
        failures = 2

        async def commit(self, batch):
            if self.failures:
                self.failures -= 1
                raise StoreError("busy")
            return await shop.ports.store.commit(batch)

    journal = Journal(Shaky(), shop.ports.bus)
    journal.add(line(shop, "one"))

    await journal.flush()

    assert await messages(shop) == ["one"]


async def test_a_store_that_fails_for_good_does_not_stop_the_worker(shop, caplog, monkeypatch):
    from batuta.worker import journal as module

    class Broken:
        async def commit(self, batch):
            raise StoreError("disk full")

    monkeypatch.setattr(module, "_MOST_TRIES", 1)
    journal = Journal(Broken(), shop.ports.bus)
    journal.add(line(shop, "one"))

    await journal.flush()

    assert "1 log lines and 0 metrics are lost" in caplog.text

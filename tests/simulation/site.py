"""Where a simulation takes place: one store, one bus, some servers, and the weather over all of them."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from batuta.executor.inbox import ExecutorInbox
from batuta.store.batch import Batch
from tests.simulation.checker import Checker
from tests.simulation.memory_store import MemoryStore
from tests.simulation.servers import EXECUTOR, SCHEDULER, WORKER, Door, FaultyBus, RemoteInbox, Server
from tests.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.simulation.weather import CALM, Weather


class Site:
    """All that exists in one simulation."""

    def __init__(
        self, chance: random.Random, weather: Weather, folder: Path, *, verbose: bool = False
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop = loop
        self.clock = VirtualClock(loop)
        self.chance = chance
        self.weather = weather
        self.store = MemoryStore()
        self.bus = FaultyBus(self)
        self.checker = Checker(self)
        self.history = hashlib.blake2b(digest_size=16)
        """Of everything that became durable, in order and with its time."""
        self.commits = 0
        self.is_over = False
        self._verbose = verbose
        self._is_up = asyncio.Event()
        self.people = RemoteInbox(self, Door(self))
        """The way of people to the executor; they never die."""
        if weather.apart:
            groups = [(EXECUTOR,), (WORKER,), (WORKER,), (SCHEDULER,)]
        else:
            groups = [(EXECUTOR, WORKER, SCHEDULER)]
        self.servers = [
            Server(self, f"{'+'.join(roles)}#{number}", roles, folder) for number, roles in enumerate(groups)
        ]

    def happens(self, probability: float) -> bool:
        """Draw; nothing is drawn for what cannot happen."""
        return probability > 0 and self.chance.random() < probability

    def note(self, what: str) -> None:
        """Something for people who look at one seed."""
        if self._verbose:
            print(f"{self.loop.time():9.3f} {what}")

    async def commit(self, batch: Batch) -> list[int]:
        """Make a batch durable, and show it to the checker."""
        ids = await self.store.commit(batch)
        self.commits += 1
        seen = msgspec.json.encode((self.loop.time(), _plain(batch)))
        self.history.update(seen)
        if self._verbose:
            for line in _told(batch):
                self.note(line)
        self.checker.saw(batch)
        return ids

    # The executor, for whoever wants to tell it something

    def executor_now(self) -> ExecutorInbox | None:
        """The inbox of the executor, unless that is down."""
        return self.servers[0].inbox

    async def executor(self) -> ExecutorInbox:
        """The inbox of the executor, as soon as that is up."""
        while (inbox := self.executor_now()) is None:
            self._is_up.clear()
            await self._is_up.wait()
        return inbox

    def executor_is_up(self) -> None:
        """The executor has recovered."""
        self._is_up.set()

    # Life

    def start(self) -> None:
        """Start all servers."""
        for server in self.servers:
            server.start()

    async def storms(self) -> None:
        """Kill and silence servers until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            for server in self.servers:
                if server.door.is_dead:
                    continue
                if self.happens(self.weather.deaths / 60):
                    server.die()
                elif WORKER in server.roles and self.happens(self.weather.silences / 60):
                    server.fall_silent()

    def clear_up(self) -> None:
        """Nothing goes wrong from now on."""
        self.weather = msgspec.structs.replace(CALM, apart=self.weather.apart)

    async def stop(self) -> None:
        """Stop all servers, and close the store."""
        self.is_over = True
        for server in self.servers:
            await server.stop()
        await self.store.close()

    def digest(self) -> str:
        """The history up to now."""
        return self.history.hexdigest()


def _plain(batch: Batch) -> dict[str, Any]:
    """What a batch wrote, as JSON can show it; without metrics, which measure the machine."""
    names = (name for name in batch.__struct_fields__ if name != "metrics")
    shown = {name: value for name in names if (value := getattr(batch, name))}
    if batch.task_runs:
        shown["task_runs"] = list(batch.task_runs.items())
    if batch.parts:
        shown["parts"] = list(batch.parts.items())
    return shown


def _told(batch: Batch) -> Iterator[str]:
    """What a batch wrote, for people."""
    for execution in batch.executions.values():
        states = " ".join(moment.state for moment in execution.state.moments)
        yield f"  {execution.flow_id} {execution.id}: {states}{' settled' if execution.settled else ''}"
    for (execution_id, _), run in batch.task_runs.items():
        states = " ".join(moment.state for moment in run.state.moments)
        value = "" if run.value is None else f"[{run.value}]"
        yield f"    {execution_id[:6]} {run.task_id}{value} {run.id[:6]} token {run.token}: {states}"
    for job in batch.jobs:
        yield f"    {job.execution_id[:6]} job of {job.task_id} {job.task_run_id[:6]} token {job.token}"
    for event in batch.posted:
        yield f"    posted {event}"
    for record in batch.triggers:
        yield f"    trigger {record.key} next {record.next_at} lock {record.execution_id} {record.backfill}"
    for name in (
        "removed_task_runs",
        "ended_jobs",
        "timers",
        "cancelled_timers",
        "elapsed_timers",
        "consumed",
    ):
        if getattr(batch, name):
            yield f"    {name} {getattr(batch, name)}"
    for request in batch.slots:
        yield f"    slot for {request.execution_id}: {request.execution_id in batch.granted}"

"""The scheduler above a real store, with a clock that a test moves and no executor: tests end executions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from msgspec.structs import replace

from batuta import flows
from batuta.bus.local import LocalBus
from batuta.bus.port import ExecutionChanged, FlowSaved, TriggersChanged
from batuta.clock import ManualClock
from batuta.engine.lifecycle import new_execution
from batuta.engine.world import World
from batuta.errors import Outdated
from batuta.ids import random_id
from batuta.lookups import Lookups
from batuta.model.execution import Execution
from batuta.model.flow import FlowKey, FlowRevision
from batuta.model.labels import Label
from batuta.model.state import State
from batuta.model.trigger import TriggerKey, TriggerRecord
from batuta.ports import Ports
from batuta.scheduler.loop import Scheduler
from batuta.secrets.cipher import Cipher
from batuta.secrets.environment import EnvironmentSecrets
from batuta.settings.tree import Settings
from batuta.storage.local import LocalStorage
from batuta.store.batch import Batch
from batuta.store.port import Search
from batuta.store.sqlite import open_sqlite
from batuta.worker.attempt import Bench, Forms
from batuta.worker.journal import Journal
from batuta.worker.trigger_jobs import TriggerWorker
from batuta.worker.warden import Warden

START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
KEY = TriggerKey("company.team", "tick", "each")


class CommittingInbox:
    """An executor's door behind which nothing happens."""

    def __init__(self, store: Any) -> None:
        self.store = store

    async def accept(self, *events: Any, batch: Batch | None = None) -> None:
        await self.store.commit(batch or Batch())

    async def report(self, *events: Any) -> None:
        pass


class Town:
    """Everything around a scheduler."""

    def __init__(self, ports: Ports, clock: ManualClock, folder: Path) -> None:
        self.folder = folder
        self.ports = ports
        self.clock = clock
        self.store = ports.store

    @asynccontextmanager
    async def scheduling(self, world: World | None = None) -> AsyncIterator[Scheduler]:
        """A scheduler that runs for the length of a block."""
        scheduler = Scheduler(self.ports, world or World())
        task = asyncio.create_task(scheduler.run())
        async with asyncio.timeout(20):
            await scheduler.ready.wait()
        try:
            yield scheduler
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def trigger_worker(self, looks: Any = None, **settings: Any) -> TriggerWorker:
        """A worker for triggers; `looks` looks for it."""
        given = Settings(data_dir=self.folder, **settings)
        bench = Bench(
            ports=self.ports,
            settings=given,
            lookups=Lookups(self.ports),
            journal=Journal(self.store, self.ports.bus),
            warden=Warden(),
            forms=Forms(),
            folders=self.folder / "tmp",
        )
        return TriggerWorker(bench, World(), looks)

    @asynccontextmanager
    async def working(self, looks: Any = None, **settings: Any) -> AsyncIterator[TriggerWorker]:
        """A worker for triggers that runs for the length of a block."""
        worker = self.trigger_worker(looks, **settings)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def save(self, source: str) -> FlowRevision:
        """Store the next revision of a flow."""
        text = dedent(source)
        flow = flows.parse(text)
        latest = await self.store.flows.latest(flow.key)
        revision = FlowRevision(
            namespace=flow.namespace,
            id=flow.id,
            revision=1 if latest is None else latest.revision + 1,
            source=text,
            created_at=self.clock.now(),
            disabled=flow.disabled,
        )
        await self.store.commit(Batch(flows=[revision]))
        await self.ports.bus.publish(FlowSaved(namespace=flow.namespace, flow_id=flow.id))
        return revision

    async def delete(self, key: FlowKey) -> None:
        """Store the revision that says a flow is gone."""
        latest = await self.store.flows.latest(key)
        gone = replace(latest, revision=latest.revision + 1, deleted=True)
        await self.store.commit(Batch(flows=[gone]))
        await self.ports.bus.publish(FlowSaved(namespace=key.namespace, flow_id=key.id))

    async def move(self, **by: float) -> None:
        """Let time pass."""
        self.clock.move(timedelta(**by))
        await self.ports.bus.publish(TriggersChanged())

    async def until(self, reached: Callable[[], Any]) -> Any:
        """What `reached` gives once it gives something true. It is asked after each change."""
        async with asyncio.timeout(20), self.ports.bus.subscribe(ExecutionChanged, FlowSaved) as hints:
            while True:
                found = await reached()
                if found:
                    return found
                try:
                    async with asyncio.timeout(0.02):
                        await anext(hints)
                except TimeoutError:
                    pass

    async def settled(self) -> None:
        """Wait until the scheduler has nothing to do."""

        async def idle() -> bool:
            next_due = await self.store.triggers.next_due()
            return next_due is None or next_due > self.clock.now()

        await self.until(idle)

    async def executions(self, flow_id: str = "tick") -> list[Execution]:
        """Executions of a flow, oldest first."""
        page = await self.store.executions.search(Search(limit=10_000))
        found = [each for each in page.results if each.flow_id == flow_id]
        return sorted(found, key=lambda each: (each.schedule_at or each.state.started_at, each.id))

    async def dates(self, flow_id: str = "tick") -> list[str]:
        """`trigger.date` of executions, oldest first."""
        return [each.trigger.variables["date"] for each in await self.executions(flow_id)]

    async def record(self, key: TriggerKey = KEY) -> TriggerRecord | None:
        """The record of a trigger."""
        return await self.store.triggers.get(key)

    async def has_record(self, key: TriggerKey = KEY) -> TriggerRecord:
        """The record of a trigger, once there is one."""
        return await self.until(lambda: self.record(key))

    async def change(self, change: Callable[[TriggerRecord], TriggerRecord], key: TriggerKey = KEY) -> None:
        """Change a record as people do."""
        while True:
            try:
                await self.store.commit(Batch(triggers=[change(await self.record(key))]))
            except Outdated:
                continue
            await self.ports.bus.publish(TriggersChanged())
            return

    async def end(self, execution: Execution, state: State = State.SUCCESS, **given: Any) -> Execution:
        """End an execution."""
        history = execution.state.to(State.RUNNING, self.clock.now()).to(state, self.clock.now())
        ended = replace(execution, state=history, settled=True, **given)
        await self.store.commit(Batch(executions={ended.id: ended}))
        await self.ports.bus.publish(ExecutionChanged(execution_id=ended.id, settled=True))
        return ended

    async def end_all(self, flow_id: str = "tick", state: State = State.SUCCESS) -> None:
        """End whatever is under way, and what follows, until nothing does."""
        while True:
            under_way = [each for each in await self.executions(flow_id) if not each.is_ended]
            if not under_way:
                record = await self.record()
                if record is None or record.execution_id is None:
                    await self.settled()
                    if not any(not each.is_ended for each in await self.executions(flow_id)):
                        return
                await asyncio.sleep(0)
                continue
            for each in under_way:
                await self.end(each, state)

    async def run_other(
        self, flow_id: str, state: State = State.SUCCESS, labels: dict[str, str] | None = None, **given: Any
    ) -> Execution:
        """An execution of another flow, from begin to end."""
        revision = await self.store.flows.latest(FlowKey("company.team", flow_id))
        flow = flows.parse(revision.source, revision=revision.revision)
        pairs = tuple(Label(key, value) for key, value in (labels or {}).items())
        execution = new_execution(flow, id=random_id(), inputs={}, labels=pairs, now=self.clock.now())
        return await self.end(execution, state, **given)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    store = await open_sqlite(tmp_path / "batuta.db")
    clock = ManualClock(START)
    bus = LocalBus()
    storage = LocalStorage(tmp_path / "storage")
    ports = Ports(
        store=store,
        bus=bus,
        storage=storage,
        secrets=EnvironmentSecrets(),
        cipher=Cipher(None, tmp_path),
        clock=clock,
        inbox=CommittingInbox(store),
    )
    yield Town(ports, clock, tmp_path)
    await bus.close()
    await storage.close()
    await store.close()

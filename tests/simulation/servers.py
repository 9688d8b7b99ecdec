"""Servers of a simulation: the real services behind a door that the weather shuts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batuta.app import LocalContexts
from batuta.bus.local import LocalBus
from batuta.engine import events as on
from batuta.engine.context import Names
from batuta.engine.world import World
from batuta.errors import NotFound, StoreError
from batuta.executor.inbox import ExecutorInbox, Item
from batuta.executor.live import Live
from batuta.executor.loop import Executor
from batuta.lookups import Lookups
from batuta.ports import Ports
from batuta.scheduler.loop import Scheduler
from batuta.secrets.cipher import Cipher
from batuta.secrets.environment import EnvironmentSecrets
from batuta.settings.tree import Settings
from batuta.store.batch import Batch, Job
from batuta.worker.context import AttemptInputs
from batuta.worker.loop import Worker

if TYPE_CHECKING:
    from tests.simulation.site import Site

EXECUTOR, WORKER, SCHEDULER = "executor", "worker", "scheduler"
LEASE_SECONDS = 12.0
LONGEST_LATENESS = 40.0
"""Seconds by which a word to the executor may be late: longer than a lease and a restart."""
LONGEST_BREAK = 20.0
"""Seconds until a server that died runs again."""

_MAY_BE_LATE = (on.TaskRunStarted, on.TaskRunFinished, on.TaskRunLost, on.DelayElapsed, on.SlotOffered)


class Gone(BaseException):
    """The server is dead: the call never comes back. No `Exception`, so that nothing makes good for it."""


class Door:
    """The way from a server to everything that outlives it."""

    def __init__(self, site: Site, die: Callable[[], None] | None = None) -> None:
        self._site = site
        self._die = die
        self.is_dead = False
        self.silent_until = 0.0

    def check(self) -> None:
        """Nothing leaves a dead server."""
        if self.is_dead:
            raise Gone

    async def reading(self) -> None:
        """Wait as long as a read takes."""
        self.check()
        await self._silence()

    async def writing(self) -> None:
        """Wait as long as a write takes before it is durable, if it comes to that."""
        self.check()
        await self._silence()
        site = self._site
        if site.happens(site.weather.slow_commits):
            await asyncio.sleep(site.chance.random() * site.weather.slowest_commit)
        self.check()
        if site.happens(site.weather.refusals):
            raise StoreError("The disk is full")
        self.death(site.weather.death_at_commit / 2)

    async def written(self) -> None:
        """Wait as long as it takes to hear that a write is durable, if it comes to that."""
        site = self._site
        self.death(site.weather.death_at_commit / 2)
        if site.happens(site.weather.slow_commits):
            await asyncio.sleep(site.chance.random() * site.weather.slowest_commit)
        self.check()

    def death(self, probability: float) -> None:
        """Maybe the last moment of the server."""
        if self._die is not None and self._site.happens(probability):
            self._die()
            raise Gone

    async def _silence(self) -> None:
        while (left := self.silent_until - self._site.loop.time()) > 0:
            await asyncio.sleep(left)
            self.check()


class DoorStore:
    """The store as one server sees it. A noun's methods that write are told by their names."""

    _WRITES = frozenset({"claim", "renew", "put", "put_mark", "delete", "remove", "purge", "purge_firings"})

    def __init__(self, site: Site, door: Door) -> None:
        self._site = site
        self._door = door

    def __getattr__(self, name: str) -> Any:
        noun = _DoorNoun(getattr(self._site.store, name), self._door, self._WRITES)
        setattr(self, name, noun)
        return noun

    async def commit(self, batch: Batch) -> list[int]:
        """See `Store.commit`; shown to the checker as soon as it is durable."""
        await self._door.writing()
        ids = await self._site.commit(batch)
        await self._door.written()
        return ids

    async def close(self) -> None:
        """The store outlives its servers."""


class _DoorNoun:
    def __init__(self, noun: Any, door: Door, writes: frozenset[str]) -> None:
        self._noun = noun
        self._door = door
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._noun, name)
        door = self._door

        async def read(*args: Any, **named: Any) -> Any:
            await door.reading()
            return await method(*args, **named)

        async def write(*args: Any, **named: Any) -> Any:
            await door.writing()
            result = await method(*args, **named)
            await door.written()
            return result

        wrapped = write if name in self._writes else read
        setattr(self, name, wrapped)
        return wrapped


class FaultyBus(LocalBus):
    """A bus that loses, repeats and delays hints."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    async def publish(self, *hints: Any) -> None:
        """Put the hints into queues as the weather allows."""
        site, weather = self._site, self._site.weather
        for hint in hints:
            for subscription in self._subscriptions.get(type(hint), ()):
                if site.happens(weather.lost_hints):
                    continue
                if site.happens(weather.late_hints):
                    site.loop.call_later(site.chance.random() * LONGEST_LATENESS, subscription.put, hint)
                    continue
                subscription.put(hint)
                if site.happens(weather.doubled_hints):
                    subscription.put(hint)


class DoorBus:
    """The bus as one server sees it."""

    def __init__(self, bus: LocalBus, door: Door) -> None:
        self._bus = bus
        self._door = door

    async def publish(self, *hints: Any) -> None:
        """See `Bus.publish`."""
        self._door.check()
        await self._bus.publish(*hints)

    def subscribe(self, *kinds: type[Any]) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """See `Bus.subscribe`."""
        return self._bus.subscribe(*kinds)

    async def close(self) -> None:
        """The bus outlives its servers."""


class FaultyInbox(ExecutorInbox):
    """An inbox that some words reach late, or twice."""

    def __init__(self, site: Site, store: Any) -> None:
        super().__init__(store)
        self._site = site

    def push(self, item: Item) -> None:
        """Queue an item, now or later, once or twice."""
        site, weather = self._site, self._site.weather
        if item.posted_id is None and isinstance(item.event, _MAY_BE_LATE):
            self._site.checker.heard(item.event)
            if site.happens(weather.doubled_items):
                site.loop.call_later(site.chance.random() * LONGEST_LATENESS, self._arrive, item)
            if site.happens(weather.late_items):
                site.loop.call_later(site.chance.random() * LONGEST_LATENESS, self._arrive, item)
                return
        super().push(item)

    def _arrive(self, item: Item) -> None:
        super().push(item)


class RemoteInbox:
    """The way to an executor in another server (see `ports.Inbox`)."""

    def __init__(self, site: Site, door: Door) -> None:
        self._site = site
        self._door = door

    async def accept(self, *events: on.AnyEvent, batch: Batch | None = None) -> None:
        """Write the events down, and hand them over in the same moment."""
        batch = batch or Batch()
        kept = [event for event in events if not isinstance(event, on.ExecutionCreated)]
        batch.posted += kept
        first = len(batch.posted) - len(kept)
        await self._door.writing()
        executor = await self._site.executor()
        self._door.check()
        ids = await self._site.commit(batch)
        posted = dict(zip(map(id, kept), ids[first:], strict=True))
        for event in events:
            executor.push(Item(event=event, execution_id=event.execution_id, posted_id=posted.get(id(event))))
        await self._door.written()

    async def report(self, *events: on.AnyEvent) -> None:
        """Tell the executor, if there is one: the next one takes everything for lost that is under way."""
        await self._door.reading()
        inbox = self._site.executor_now()
        if inbox is not None:
            await inbox.report(*events)


class StoredContexts:
    """Gives the workers of one server what the rows say."""

    def __init__(self, live: Live, world: World, site: Site) -> None:
        self._live = live
        self._world = world
        self._site = site

    async def of(self, job: Job) -> AttemptInputs:
        """The inputs of an attempt."""
        self._live.forget(list(self._live._ledgers))
        ledger = await self._live.get(job.execution_id)
        run = None if ledger is None else ledger.run(job.task_run_id)
        if ledger is None or run is None:
            raise NotFound(f"the task run {job.task_run_id} of execution {job.execution_id} is gone")
        return AttemptInputs(
            task=ledger.outline.place(run.task_id).task,
            flow=ledger.outline.flow,
            execution=ledger.execution,
            run=run,
            names=Names(ledger, self._world, run),
            options=self._world.options(self._site.clock.now()),
        )


class Server:
    """Some services that live and die together."""

    def __init__(self, site: Site, name: str, roles: tuple[str, ...], folder: Path) -> None:
        self._site = site
        self.name = name
        self.roles = roles
        self._folder = folder
        self.life = 0
        """How often it was started."""
        self.inbox: ExecutorInbox | None = None
        """The executor's, once that has recovered."""
        self.executor: Executor | None = None
        self.door = Door(site, self.die)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Come up with an empty memory."""
        self.life += 1
        self.door = Door(self._site, self.die)
        self._task = asyncio.create_task(self._live(self.door), name=f"{self.name}-{self.life}")

    def die(self) -> None:
        """Lose everything but the rows, at once; come back after a while."""
        if self.door.is_dead:
            return
        self.door.is_dead = True
        self.inbox = self.executor = None
        if self._task is not None:
            self._task.cancel()
        site = self._site
        site.note(f"{self.name} dies")
        pause = 0.1 + site.chance.random() * LONGEST_BREAK
        site.loop.call_later(pause, self._come_back)

    def _come_back(self) -> None:
        if not self._site.is_over:
            self.start()

    def fall_silent(self) -> None:
        """Hear and say nothing for longer than a lease."""
        site = self._site
        site.note(f"{self.name} falls silent")
        self.door.silent_until = site.loop.time() + LEASE_SECONDS * (1 + 2 * site.chance.random())

    async def stop(self) -> None:
        """Go for good."""
        self.door.is_dead = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _live(self, door: Door) -> None:
        try:
            await self._serve(door)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not door.is_dead:
                self._site.checker.wrong(f"{self.name} broke down: {innermost(error)!r}")
                self.die()

    async def _serve(self, door: Door) -> None:
        site, world = self._site, World()
        store: Any = DoorStore(site, door)
        own = FaultyInbox(site, store) if EXECUTOR in self.roles else None
        ports = Ports(
            store=store,
            bus=DoorBus(site.bus, door),
            storage=None,  # type: ignore[arg-type]  # no flow of a simulation has files
            secrets=EnvironmentSecrets(),
            cipher=Cipher(None, self._folder),
            clock=site.clock,
            inbox=own or RemoteInbox(site, door),
        )
        async with asyncio.TaskGroup() as services:
            live = Live(store)
            if own is not None:
                executor = Executor(ports, own, world)
                services.create_task(executor.run())
                await executor.recovered.wait()
                door.check()
                live, self.inbox, self.executor = executor.live, own, executor
                site.executor_is_up()
            if WORKER in self.roles:
                contexts = (StoredContexts if own is None else _local)(live, world, site)
                settings = Settings(data_dir=self._folder, worker_slots=4, lease_seconds=LEASE_SECONDS)
                services.create_task(Worker(ports, settings, contexts, Lookups(ports)).run())
            if SCHEDULER in self.roles:
                services.create_task(Scheduler(ports, world).run())


def _local(live: Live, world: World, site: Site) -> LocalContexts:
    return LocalContexts(live, world, site.clock)


def innermost(error: BaseException) -> BaseException:
    """The first error inside groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


__all__ = ["EXECUTOR", "SCHEDULER", "WORKER", "DoorStore", "FaultyBus", "Gone", "RemoteInbox", "Server"]

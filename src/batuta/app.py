"""The composition root: settings become ports, ports become services. The only place that chooses
implementations."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from batuta.bus.local import LocalBus
from batuta.clock import Clock, SystemClock
from batuta.engine.context import Names
from batuta.engine.world import World
from batuta.errors import NotFound, OperatorError
from batuta.executor.inbox import ExecutorInbox
from batuta.executor.live import Live
from batuta.executor.loop import Executor
from batuta.lookups import Lookups
from batuta.ports import Ports
from batuta.retention import Retention
from batuta.secrets.cipher import Cipher
from batuta.secrets.environment import EnvironmentSecrets
from batuta.secrets.stored import StoredSecrets
from batuta.settings.tree import Settings
from batuta.storage.local import LocalStorage
from batuta.store.batch import Job
from batuta.store.lock import hold
from batuta.store.sqlite import open_sqlite
from batuta.worker.context import AttemptInputs
from batuta.worker.loop import Worker

WARM_UP_SECONDS = 1.5
"""Seconds after the start before modules are imported that the start did without."""

ENVS_PREFIXES = ("KESTRA_", "ENV_")
"""Environment variables that expressions may see as `envs`, by prefix (flow spec §11)."""


class LocalContexts:
    """Gives workers of this process what the executor holds in memory."""

    def __init__(self, live: Live, world: World, clock: Clock) -> None:
        self._live = live
        self._world = world
        self._clock = clock

    async def of(self, job: Job) -> AttemptInputs:
        """What the attempt of a job needs to know.

        Raises:
            NotFound: the execution or the task run is gone.
        """
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
            options=self._world.options(self._clock.now()),
            secrets=tuple(ledger.seen_secrets()),
        )


class OwnApi:
    """The REST API for tasks that manage the server they run on; made when the first of them asks."""

    def __init__(self, ports: Ports, settings: Settings, world: World) -> None:
        self._ports = ports
        self._settings = settings
        self._world = world
        self._app: Any = None

    def __call__(self) -> Any:
        """The ASGI application. Nobody but the tasks reaches it, so it asks nobody who they are."""
        if self._app is None:
            from batuta.web.app import create_app

            self._app = create_app(self._ports, self._settings, world=self._world)
        return self._app


def world_of(settings: Settings, cipher: Cipher | None = None) -> World:
    """What the rules are told about this installation; without a cipher secrets stay unreadable."""
    envs = {
        name.removeprefix(prefix).lower(): value
        for prefix in ENVS_PREFIXES
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }
    return World(
        envs=envs,
        url=settings.base_url,
        recursive_rendering=settings.recursive_rendering,
        recover_missed_schedules=settings.recover_missed_schedules,
        encrypt=None if cipher is None else cipher.encrypt,
        decrypt=None if cipher is None else cipher.decrypt,
    )


@asynccontextmanager
async def running(settings: Settings, *, scheduling: bool = True) -> AsyncIterator[Ports]:
    """An embedded Batuta without its web server: everything in this process, until the context ends.

    Raises:
        OperatorError: the data folder is in use, not writable, or of a newer version.
    """
    _make_folder(settings.data_dir)
    with hold(settings.data_dir):
        store = await open_sqlite(settings.data_dir / "batuta.db")
        bus = LocalBus()
        storage = LocalStorage(settings.data_dir / "storage")
        inbox = ExecutorInbox(store)
        clock = SystemClock()
        cipher = Cipher(settings.encryption_key, settings.data_dir, settings.older_keys)
        ports = Ports(
            store=store,
            bus=bus,
            storage=storage,
            secrets=StoredSecrets(store.secrets, EnvironmentSecrets(), cipher, clock),
            cipher=cipher,
            clock=clock,
            inbox=inbox,
        )
        world = world_of(settings, ports.cipher)
        executor = Executor(ports, inbox, world)
        contexts = LocalContexts(executor.live, world, ports.clock)
        worker = Worker(ports, settings, contexts, Lookups(ports), OwnApi(ports, settings, world))
        try:
            async with asyncio.TaskGroup() as services:
                tasks = [services.create_task(executor.run(), name="executor")]
                await executor.recovered.wait()
                tasks.append(services.create_task(worker.run(), name="worker"))
                if scheduling:
                    tasks.append(services.create_task(_schedule(ports, world), name="scheduler"))
                    tasks.append(services.create_task(_evaluate_triggers(world, worker), name="triggers"))
                retention = Retention(ports, settings.purge_expired_kv_seconds)
                tasks.append(services.create_task(retention.run(), name="retention"))
                tasks.append(services.create_task(_warm_up(), name="warm-up"))
                try:
                    yield ports
                finally:
                    for task in reversed(tasks):
                        task.cancel()
        finally:
            await bus.close()
            await storage.close()
            await store.close()


async def _schedule(ports: Ports, world: World) -> None:
    """Run the scheduler; its modules are imported once the other services run."""
    from batuta.scheduler.loop import Scheduler

    await Scheduler(ports, world).run()


async def _evaluate_triggers(world: World, worker: Worker) -> None:
    """Run the part of the worker that looks and listens for triggers."""
    from batuta.worker.trigger_jobs import TriggerWorker

    await TriggerWorker(worker.bench, world, alone=True).run()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"The data folder cannot be made: {error.strerror}",
            where=str(folder),
            mend="name another one with `--data`",
        ) from error


async def _warm_up() -> None:
    """Import what the first search needs once the start is over, so that no request has to wait for it."""
    await asyncio.sleep(WARM_UP_SECONDS)
    await asyncio.to_thread(importlib.import_module, "batuta.store.queries")

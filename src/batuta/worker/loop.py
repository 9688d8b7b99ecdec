"""The worker: takes jobs while slots are free, runs them, reports what came of them. START HERE."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from batuta import ids
from batuta.bus.port import JobsWaiting, StopAttempts
from batuta.engine.events import TaskRunFinished, TaskRunStarted
from batuta.errors import BatutaError, NotFound
from batuta.model.state import State
from batuta.ports import Ports
from batuta.settings.tree import Settings
from batuta.store.batch import Job
from batuta.worker.attempt import Attempt, Bench, Forms, Outcome
from batuta.worker.context import AttemptInputs, ContextSource
from batuta.worker.journal import Journal
from batuta.worker.render import Lookups
from batuta.worker.warden import Warden
from batuta.worker.workspace import own_root, remove_tree

LOOK_SECONDS = 2.0
"""How long a lost hint can hold up a job."""

SWEEP_SECONDS = 5.0
"""How long a process can outlive its script when it has shaken off group, parents and pipes."""

log = logging.getLogger(__name__)

AttemptKey = tuple[str, int]
"""A task run and the fencing token of one of its attempts."""


class Worker:
    """Runs attempts. What an attempt is, is in `attempt.py`; what may run, the store says."""

    def __init__(
        self,
        ports: Ports,
        settings: Settings,
        contexts: ContextSource,
        lookups: Lookups,
        own_api: Callable[[], Any] | None = None,
    ) -> None:
        self.id = ids.random_id()
        self._ports = ports
        self._settings = settings
        self._contexts = contexts
        self._bench = Bench(
            ports=ports,
            settings=settings,
            lookups=lookups,
            journal=Journal(ports.store, ports.bus),
            warden=Warden(),
            forms=Forms(),
            folders=own_root(settings.data_dir.absolute() / "tmp", self.id),
            own_api=own_api,
        )
        self._running: dict[AttemptKey, Running] = {}
        self._wake = asyncio.Event()

    @property
    def bench(self) -> Bench:
        """What all attempts work with, for those who make some besides."""
        return self._bench

    async def run(self) -> None:
        """Work until cancelled; then every attempt is stopped, and none of its processes is left."""
        journal = asyncio.create_task(self._bench.journal.run())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear_of_jobs())
                group.create_task(self._hear_of_stops())
                group.create_task(self._keep_leases())
                group.create_task(self._sweep())
                group.create_task(self._claim(group))
        finally:
            journal.cancel()
            await asyncio.shield(self._bench.journal.flush())
            self._bench.warden.close()
            if self._bench.folders.exists():
                remove_tree(self._bench.folders)

    async def _claim(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            free = self._settings.worker_slots - len(self._running)
            if free > 0:
                for job in (jobs := await self._waiting_jobs(free)):
                    self._running[key_of(job)] = running = Running(job)
                    group.create_task(self._attempt(running))
                if len(jobs) == free:
                    continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()

    async def _waiting_jobs(self, most: int) -> list[Job]:
        try:
            return await self._ports.store.jobs.claim(self.id, most, self._lease_end())
        except BatutaError as error:
            log.error("jobs could not be claimed: %s", error)
            return []

    async def _attempt(self, running: Running) -> None:
        """One job from its beginning to its report. What goes wrong here stays here."""
        report, job = self._ports.inbox.report, running.job
        run_id, token, execution_id = job.task_run_id, job.token, job.execution_id
        try:
            inputs = await self._contexts.of(job)
            if running.killed or is_over(inputs, job):
                outcome = Outcome(State.KILLED)
            else:
                started_at = self._ports.clock.now()
                await report(
                    TaskRunStarted(execution_id=execution_id, task_run_id=run_id, token=token, at=started_at)
                )
                outcome = await running.start(Attempt(self._bench, inputs, job.attempt))
            await self._bench.journal.flush()
            outputs, secrets = outcome.told()
            await report(
                TaskRunFinished(
                    execution_id=execution_id,
                    task_run_id=run_id,
                    token=token,
                    state=outcome.state,
                    outputs=outputs,
                    secrets=secrets,
                    log_file=outcome.log_file,
                    problem=outcome.problem,
                    at=self._ports.clock.now(),
                )
            )
        except NotFound as error:
            log.warning("job dropped, task run %s of execution %s: %s", run_id, execution_id, error)
        except Exception:
            log.exception("attempt broke, task run %s of execution %s", run_id, execution_id)
        finally:
            del self._running[key_of(job)]
            self._wake.set()

    async def _hear_of_jobs(self) -> None:
        async with self._ports.bus.subscribe(JobsWaiting) as hints:
            async for _ in hints:
                self._wake.set()

    async def _hear_of_stops(self) -> None:
        async with self._ports.bus.subscribe(StopAttempts) as hints:
            async for hint in hints:
                stopped = frozenset(hint.task_run_ids)
                for running in self._running.values():
                    if running.job.task_run_id in stopped:
                        running.kill()

    async def _keep_leases(self) -> None:
        """Prolong leases, and notice attempts that shall stop although the hint got lost."""
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            try:
                if self._running:
                    await self._ports.store.jobs.renew(self.id, self._lease_end())
                for running in list(self._running.values()):
                    with suppress(NotFound):
                        if is_over(await self._contexts.of(running.job), running.job):
                            running.kill()
            except BatutaError as error:
                log.error("leases could not be prolonged: %s", error)

    async def _sweep(self) -> None:
        """End what scripts left behind although they ended well."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self._bench.warden.sweep()

    def _lease_end(self) -> datetime:
        return self._ports.clock.now() + timedelta(seconds=self._settings.lease_seconds)


class Running:
    """A job in one of the slots; its attempt exists as soon as its inputs are there."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.attempt: Attempt | None = None
        self.killed = False

    async def start(self, attempt: Attempt) -> Outcome:
        """Run the attempt to its end."""
        self.attempt = attempt
        if self.killed:
            attempt.kill()
        return await attempt.run()

    def kill(self) -> None:
        """Stop the attempt, now or before it begins."""
        self.killed = True
        if self.attempt is not None:
            self.attempt.kill()


def key_of(job: Job) -> AttemptKey:
    """What tells an attempt from the others, also from those of the same task run."""
    return job.task_run_id, job.token


def is_over(inputs: AttemptInputs, job: Job) -> bool:
    """Nobody waits for the attempt any more: its task run was stopped, or a later attempt has replaced it."""
    return inputs.run.state.current is State.KILLING or inputs.run.token != job.token

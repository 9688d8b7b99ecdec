"""The part of a worker that evaluates triggers: takes their jobs, keeps the leases, and stops what it lost.

A polling trigger is one look: what it found, the record and the end of the job are one transaction. A
realtime trigger listens for as long as its job is leased. A worker that dies leaves its leases to run out;
others take the jobs, and whatever it still does under them is refused by the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from batuta import expr, ids
from batuta.bus.port import TriggerJobsChanged, TriggersChanged
from batuta.engine.world import World
from batuta.errors import BatutaError, StoreError
from batuta.firing.launching import Launcher
from batuta.firing.rules import Rule, kind_of
from batuta.firing.sources import RuleSource
from batuta.lookups import Lookups
from batuta.model.trigger import TriggerJob, TriggerKey, TriggerKind
from batuta.worker.answering import Answers, LostJob, reason
from batuta.worker.attempt import Bench
from batuta.worker.insisting import insistently, is_asked_to_end
from batuta.worker.listening import Listeners, agrees
from batuta.worker.polling import Looks, Poller

MOST_LOOKS = 16
"""Most looks at the same time in a worker."""
MOST_LISTENERS = 1_000
"""Most realtime triggers that listen in a worker."""
LOOK_SECONDS = 5.0
"""How long a lost hint can hold up a job."""

log = logging.getLogger(__name__)


class TriggerWorker:
    """Evaluates triggers."""

    def __init__(
        self, bench: Bench, world: World, looks: Looks | None = None, *, alone: bool = False
    ) -> None:
        self.id = ids.random_id()
        self._bench = bench
        self._ports = bench.ports
        self._store = bench.ports.store
        self._alone = alone
        self._rules = RuleSource(self._store)
        self._launcher = Launcher(Lookups(self._ports), world)
        self._answers = Answers(self._ports, self._launcher)
        self._looks = looks or Poller(bench, world)
        self._listeners = Listeners(bench, world, self._answers, self._launcher, self._rules)
        self._running: dict[TriggerKey, Running] = {}
        self._room = asyncio.Semaphore(MOST_LOOKS)
        self._wake = asyncio.Event()
        self._check = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; then all jobs are given back."""
        if self._alone:
            # No other process works on this database: whatever is leased, was by one that is gone.
            await self._store.triggers.release_jobs()
        async with self._ports.bus.subscribe(TriggerJobsChanged, TriggersChanged) as hints:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._claim(group), name="trigger jobs")
                    group.create_task(self._keep(), name="trigger leases")
                    async for hint in hints:
                        self._check.set()
                        if isinstance(hint, TriggerJobsChanged):
                            self._wake.set()
            finally:
                with suppress(BatutaError):
                    await asyncio.shield(self._store.triggers.release_jobs(self.id))

    async def _claim(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            free = MOST_LISTENERS + MOST_LOOKS - len(self._running)
            if free > 0:
                for job in await self._taken(free):
                    former = self._running.pop(job.key, None)
                    if former is not None:
                        former.stop()
                    running = self._running[job.key] = Running(job)
                    evaluation = insistently(self._evaluate(running))
                    running.task = group.create_task(evaluation, name=f"trigger {job.key}")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()

    async def _taken(self, most: int) -> list[TriggerJob]:
        try:
            return await self._store.triggers.claim_jobs(
                self.id, most, self._ports.clock.now(), self._lease_end()
            )
        except BatutaError as error:
            log.error("the jobs of triggers could not be claimed: %s", error)
            return []

    async def _keep(self) -> None:
        """Prolong leases, and stop what is no longer ours: after each hint, and every now and then."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bench.settings.lease_seconds / 3):
                    await self._check.wait()
            self._check.clear()
            if not self._running:
                continue
            before = dict(self._running)
            try:
                held = await self._store.triggers.renew_jobs(self.id, self._lease_end())
            except BatutaError as error:
                log.error("the leases of triggers could not be prolonged: %s", error)
                continue
            tokens = {job.key: job.token for job in held}
            for key, running in before.items():
                if tokens.get(key) != running.job.token:
                    running.stop()

    def _lease_end(self) -> datetime:
        return self._ports.clock.now() + timedelta(seconds=self._bench.settings.lease_seconds)

    async def _evaluate(self, running: Running) -> None:
        """One job from its beginning to its end. What goes wrong here stays here."""
        job = running.job
        try:
            rule = await self._rules.of(job.key)
            kind = None if rule is None else kind_of(rule.definition)
            if rule is None or kind not in (TriggerKind.POLLING, TriggerKind.REALTIME):
                await self._answers.drop(job)
            elif kind is TriggerKind.POLLING:
                async with self._room:
                    await self._look(job, rule)
            else:
                await self._listeners.listen(job, rule)
        except LostJob:
            log.info("the evaluation of %s was given up: it is no longer ours", job.key)
        except asyncio.CancelledError:
            if not running.stopped:
                raise
        except StoreError as error:
            log.error("what came of the evaluation of %s was not written: %s", job.key, error)
        except Exception:
            # The border of the loop: one trigger never stops the others. Its lease runs out.
            log.exception("the evaluation of %s broke", job.key)
        finally:
            if self._running.get(job.key) is running:
                del self._running[job.key]

    async def _look(self, job: TriggerJob, rule: Rule) -> None:
        try:
            if not await agrees(self._ports, self._launcher, rule, {}):
                await self._answers.refused(job, rule)
                return
        except (BatutaError, expr.ExpressionError) as error:
            problem = f"a condition failed: {reason(error)}"
            await self._answers.look_failed(job, rule, problem, fails=True)
            return
        execution_id = ids.random_id()
        try:
            found = await self._looks.poll(rule, execution_id)
        except asyncio.CancelledError:
            if is_asked_to_end():
                raise
            await self._answers.look_failed(job, rule, "the connection broke", fails=rule.fail_on_error)
        except (BatutaError, expr.ExpressionError) as error:
            await self._answers.look_failed(job, rule, str(error), fails=rule.fail_on_error)
        except Exception as error:
            # The border to code of plugins.
            log.exception("a look of %s failed", job.key)
            await self._answers.look_failed(job, rule, reason(error), fails=rule.fail_on_error)
        else:
            try:
                await self._answers.found(job, rule, execution_id, found)
            finally:
                if found.release is not None:
                    await _released(job, found.release)


async def _released(job: TriggerJob, release: Callable[[], Awaitable[None]]) -> None:
    try:
        await release()
    except Exception as error:
        # The border to code of plugins. The look is over, and nothing depends on it any more.
        log.warning("%s could not close its source: %s", job.key, reason(error))


class Running:
    """A job and the task that works on it."""

    def __init__(self, job: TriggerJob) -> None:
        self.job = job
        self.task: asyncio.Task[None] | None = None
        self.stopped = False
        """It was lost: its end concerns nobody."""

    def stop(self) -> None:
        """Give it up."""
        self.stopped = True
        if self.task is not None:
            self.task.cancel()

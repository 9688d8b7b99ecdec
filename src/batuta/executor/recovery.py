"""What the executor finds by itself: all that an earlier process left, and what hints missed."""

from __future__ import annotations

import asyncio

from batuta.bus.port import JobsWaiting
from batuta.engine import events as on
from batuta.executor.admissions import Admissions
from batuta.executor.inbox import ExecutorInbox, Item
from batuta.executor.timers import Timers
from batuta.ports import Ports
from batuta.store.batch import Job
from batuta.store.port import Store

SWEEP_SECONDS = 5.0
"""Seconds between two looks for what hints missed."""


async def recover(store: Store, inbox: ExecutorInbox, timers: Timers) -> None:
    """Find everything that was accepted before the process began, and go on with it.

    Only one process uses the store, so whoever held a lease is gone.
    """
    for execution in await store.executions.unsettled():
        inbox.push(Item(event=on.ExecutionLoaded(execution_id=execution.id), execution_id=execution.id))
    for posted in await store.events.pending():
        inbox.push(Item(event=posted.event, execution_id=posted.event.execution_id, posted_id=posted.id))
    for job in await store.jobs.of_other_workers(""):
        inbox.push(_lost(job))
    timers.set(await store.timers.all())


async def sweep(ports: Ports, inbox: ExecutorInbox, admissions: Admissions) -> None:
    """Look, again and again, for leases that ran out, and for jobs and queues of which nobody was told."""
    while True:
        await admissions.offer_everywhere()
        await asyncio.sleep(SWEEP_SECONDS)
        for job in await ports.store.jobs.expired(ports.clock.now()):
            inbox.push(_lost(job))
        if await ports.store.jobs.waiting():
            await ports.bus.publish(JobsWaiting())


def _lost(job: Job) -> Item:
    event = on.TaskRunLost(execution_id=job.execution_id, task_run_id=job.task_run_id, token=job.token)
    return Item(event=event, execution_id=job.execution_id)

"""Rows that make work: jobs, timers and events in SQLite."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from batuta.store.batch import Job, PostedEvent, Timer
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.rows import micros
from batuta.store.sqlite.statements import SQL


class SqliteJobs:
    """See `batuta.store.port.Jobs`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def claim(self, worker_id: str, most: int, until: datetime) -> list[Job]:
        """Lease up to `most` waiting jobs, oldest first."""

        def write() -> Generator[None, None, list[Job]]:
            found = self._access.db.execute(SQL.claim_jobs, (worker_id, micros(until), most)).fetchall()
            yield
            return [rows.job_of(row) for row in sorted(found, key=lambda row: (row[8], row[12]))]

        return await self._access.write(write)

    async def renew(self, worker_id: str, until: datetime) -> None:
        """Prolong all leases of a worker."""
        await self._access.execute(SQL.renew_jobs, (micros(until), worker_id))

    async def expired(self, now: datetime) -> list[Job]:
        """Leased jobs whose lease has run out."""
        return [rows.job_of(row) for row in await self._access.readers.all(SQL.expired_jobs, (micros(now),))]

    async def of_other_workers(self, worker_id: str) -> list[Job]:
        """Jobs leased by anyone else."""
        return [rows.job_of(row) for row in await self._access.readers.all(SQL.jobs_of_others, (worker_id,))]

    async def waiting(self) -> int:
        """How many jobs nobody has taken."""
        [(count,)] = await self._access.readers.all(SQL.count_waiting_jobs)
        return int(count)

    async def of_task_run(self, task_run_id: str) -> Job | None:
        """The attempt of a task run that waits for a worker, or is leased by one."""
        row = self._access.readers.row(SQL.job_of_task_run, (task_run_id,))
        return rows.job_of(row) if row else None

    async def ahead(self, job: Job) -> int:
        """How many jobs that nobody has taken are older than this one."""
        [(count,)] = await self._access.readers.all(SQL.jobs_ahead, (micros(job.created_at),))
        return int(count)

    async def taken(self) -> dict[str, int]:
        """How many jobs each worker has leased."""
        return dict(await self._access.readers.all(SQL.jobs_by_worker))


class SqliteTimers:
    """See `batuta.store.port.Timers`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> list[Timer]:
        """Every timer, earliest first."""
        return [rows.timer_of(row) for row in await self._access.readers.all(SQL.all_timers)]

    async def of_execution(self, execution_id: str) -> list[Timer]:
        """Those of one execution, earliest first."""
        found = await self._access.readers.all(SQL.timers_of_execution, (execution_id,))
        return [rows.timer_of(row) for row in found]


class SqliteEvents:
    """See `batuta.store.port.Events`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def pending(self) -> list[PostedEvent]:
        """All of them in order of acceptance."""
        found = await self._access.readers.all(SQL.pending_events)
        return [PostedEvent(id, rows.decode_event(body)) for id, body in found]

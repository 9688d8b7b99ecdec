"""Records of triggers, and what the scheduler keeps besides, in SQLite."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from batuta.model.execution import Execution
from batuta.model.flow import FlowKey
from batuta.model.trigger import TriggerJob, TriggerKey, TriggerRecord, Window
from batuta.store.port import Page, Search
from batuta.store.sqlite import rows
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.rows import instant, instant_or_none, micros
from batuta.store.sqlite.statements import SQL


class SqliteTriggers:
    """See `batuta.store.port.Triggers`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, key: TriggerKey) -> TriggerRecord | None:
        """One record."""
        row = self._access.readers.row(SQL.trigger, tuple(key))
        return rows.decode_trigger(row[0]) if row else None

    async def of_flow(self, key: FlowKey) -> list[TriggerRecord]:
        """Records of a flow, by trigger."""
        found = self._access.readers.few(SQL.triggers_of_flow, (key.namespace, key.id))
        return [rows.decode_trigger(body) for (body,) in found]

    async def search(self, search: Search) -> Page[TriggerRecord]:
        """Records that fit."""
        return await self._access.search("triggers", search, lambda row: rows.decode_trigger(row[0]))

    async def due(self, now: datetime, most: int) -> list[TriggerRecord]:
        """Records to look at now, those that wait longest first."""
        [[every]] = await self._access.readers.all(SQL.due_triggers, (micros(now), most))
        return rows.decode_triggers(every)

    async def next_due(self) -> datetime | None:
        """When the next record is to be looked at."""
        (at,) = self._access.readers.row(SQL.next_due_trigger, ())
        return instant_or_none(at)

    async def locked(self) -> list[TriggerRecord]:
        """Records that wait for the end of an execution."""
        [[every]] = await self._access.readers.all(SQL.locked_triggers)
        return rows.decode_triggers(every)

    async def evaluating(self) -> list[TriggerRecord]:
        """Records that wait for the end of an evaluation."""
        [[every]] = await self._access.readers.all(SQL.evaluating_triggers)
        return rows.decode_triggers(every)

    async def claim_jobs(self, worker_id: str, most: int, now: datetime, until: datetime) -> list[TriggerJob]:
        """Lease evaluations that nobody has, or whose lease has run out."""
        values = (worker_id, micros(until), micros(now), most)
        found = await self._jobs(SQL.claim_trigger_jobs, values)
        return sorted(found, key=lambda job: job.since)

    async def renew_jobs(self, worker_id: str, until: datetime) -> list[TriggerJob]:
        """Prolong all leases of a worker; those that it still has."""
        return await self._jobs(SQL.renew_trigger_jobs, (micros(until), worker_id))

    async def _jobs(self, sql: str, values: tuple[object, ...]) -> list[TriggerJob]:
        def write() -> Generator[None, None, list[TriggerJob]]:
            found = self._access.db.execute(sql, values).fetchall()
            yield
            return [rows.trigger_job_of(row) for row in found]

        return await self._access.write(write)

    async def release_jobs(self, worker_id: str | None = None) -> int:
        """Give back what a worker has leased, or what anybody has."""
        return await self._access.execute(SQL.release_trigger_jobs, (worker_id,))

    async def job(self, key: TriggerKey) -> TriggerJob | None:
        """The evaluation of a trigger."""
        row = self._access.readers.row(SQL.trigger_job, tuple(key))
        return rows.trigger_job_of(row) if row else None

    async def has_fired(self, key: TriggerKey, occasion: str) -> bool:
        """The trigger has dealt with an occasion."""
        return self._access.readers.row(SQL.firing, (*key, occasion)) is not None

    async def purge_firings(self, before: datetime) -> int:
        """Forget occasions that cannot come again; how many there were."""
        return await self._access.execute(SQL.purge_firings, (micros(before),), slow=True)

    async def window(self, flow: FlowKey, name: str) -> Window | None:
        """Preconditions met so far."""
        row = self._access.readers.row(SQL.window, (flow.namespace, flow.id, name))
        return rows.decode_window(row[0]) if row else None

    async def unread_flows(self) -> list[FlowKey]:
        """Flows with a newer revision than the one that was read."""
        return [FlowKey(*row) for row in await self._access.readers.all(SQL.unread_flows)]

    async def is_read(self, key: FlowKey) -> bool:
        """The newest revision of a flow was read."""
        row = self._access.readers.row(SQL.is_read_flow, (key.namespace, key.id))
        return row is not None and bool(row[0])

    async def listening_flows(self) -> list[FlowKey]:
        """Flows that listen to other executions."""
        return [FlowKey(*row) for row in await self._access.readers.all(SQL.listening_flows)]

    async def mark(self, name: str) -> datetime | None:
        """How far a recurring piece of work has come."""
        row = self._access.readers.row(SQL.mark, (name,))
        return instant(row[0]) if row else None

    async def put_mark(self, name: str, at: datetime) -> None:
        """Write down how far it has come."""
        await self._access.execute(SQL.put_mark, (name, micros(at)))

    async def ended_since(self, at: datetime, most: int) -> list[Execution]:
        """Executions that ended at or after an instant, in the order of their ends."""
        [[every]] = await self._access.readers.all(SQL.executions_ended_since, (micros(at), most))
        return rows.decode_executions(every)

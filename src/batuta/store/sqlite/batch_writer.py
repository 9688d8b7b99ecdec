"""Turns a batch into statements. The order of the parts is what gives `Batch` its meaning."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from typing import TypeVar

from msgspec.structs import replace

from batuta.errors import AlreadyExists, AlreadyFired, Outdated
from batuta.model.flow import FlowRevision
from batuta.model.trigger import TriggerRecord
from batuta.store.batch import Batch
from batuta.store.sqlite import rows
from batuta.store.sqlite.kv import put_entry
from batuta.store.sqlite.rows import Row
from batuta.store.sqlite.statements import SQL

T = TypeVar("T")

ROWS_AT_ONCE = 256
"""Rows between two pauses."""


class BatchWriter:
    """Writes batches on one connection, inside transactions that somebody else opens and closes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        # Ids are given out here and not by the database, which would use those of deleted rows again:
        # whoever reads on from the last line that they saw would miss the next one.
        self._last_log = self._highest("logs")
        self._last_event = self._highest("events")

    def _highest(self, table: str) -> int:
        (highest,) = self._db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()
        return int(highest)

    def write(self, batch: Batch) -> Generator[None, None, list[int]]:
        """Execute the batch; the result is the ids of `batch.posted`.

        Raises:
            AlreadyExists: a flow revision exists.
            AlreadyFired: a trigger has dealt with an occasion before.
            Outdated: somebody else has changed the record of a trigger, or leased its job.
        """
        for flow in batch.flows:
            self._add_flow(flow)
        yield from self._write_triggers(batch)
        if batch.executions:
            yield from self._put(SQL.put_execution, batch.executions.values(), rows.execution_row)
        batch.granted = [
            request.execution_id
            for request in batch.slots
            if self._db.execute(SQL.take_slot, (request.execution_id, request.limit)).rowcount
        ]
        if batch.task_runs:
            encode = rows.encode
            yield from self._many(
                SQL.put_task_run,
                ((key[0], key[1], run.task_id, encode(run)) for key, run in batch.task_runs.items()),
            )
        if batch.removed_task_runs:
            yield from self._many(SQL.remove_task_run, batch.removed_task_runs)
            yield from self._many(SQL.drop_parts, batch.removed_task_runs)
        if batch.dropped_parts:
            yield from self._many(SQL.drop_parts, batch.dropped_parts)
        if batch.parts:
            yield from self._many(
                SQL.put_part, ((*key, rows.encode(value)) for key, value in batch.parts.items())
            )
        if batch.logs:
            first = self._last_log + 1
            self._last_log += len(batch.logs)
            yield from self._many(
                SQL.add_log, map(rows.log_row, range(first, self._last_log + 1), batch.logs)
            )
        for entry in batch.kv:
            put_entry(self._db, entry)
        if batch.metrics:
            yield from self._put(SQL.add_metric, batch.metrics, rows.metric_row)
        # A job that was made and ended within one batch is gone; one that follows an ended attempt stays.
        if batch.jobs:
            yield from self._put(SQL.put_job, batch.jobs, rows.job_row)
        if batch.ended_jobs:
            yield from self._many(SQL.end_job, batch.ended_jobs)
        self._write_timers(batch)
        posted = list(range(self._last_event + 1, self._last_event + 1 + len(batch.posted)))
        if posted:
            self._last_event = posted[-1]
            yield from self._many(
                SQL.add_event,
                (
                    (id, event.execution_id, rows.encode(event))
                    for id, event in zip(posted, batch.posted, strict=True)
                ),
            )
        if batch.consumed:
            yield from self._many(SQL.consume_event, ((id,) for id in batch.consumed))
        return posted

    def _add_flow(self, flow: FlowRevision) -> None:
        try:
            self._db.execute(SQL.add_flow, rows.flow_row(flow))
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(f"Revision {flow.revision} of the flow {flow.key} exists already") from error

    def _write_triggers(self, batch: Batch) -> Generator[None, None, None]:
        self._write_trigger_jobs(batch)
        for firing in batch.firings:
            try:
                self._db.execute(SQL.add_firing, rows.firing_row(firing))
            except sqlite3.IntegrityError as error:
                raise AlreadyFired(
                    f"The trigger {firing.trigger_id} of {firing.namespace}.{firing.flow_id} has dealt with "
                    f"{firing.occasion} before"
                ) from error
        for record in batch.triggers:
            self._put_trigger(record)
        if batch.removed_triggers:
            yield from self._many(SQL.remove_trigger, batch.removed_triggers)
            yield from self._many(SQL.remove_trigger_job, batch.removed_triggers)
        for namespace, flow_id, name in batch.removed_windows:
            if name is None:
                self._db.execute(SQL.remove_windows_of_flow, (namespace, flow_id))
            else:
                self._db.execute(SQL.remove_window, (namespace, flow_id, name))
        if batch.windows:
            yield from self._put(SQL.put_window, batch.windows, rows.window_row)
        if batch.read_flows:
            yield from self._many(
                SQL.put_read_flow,
                ((each.namespace, each.flow_id, each.revision, each.listens) for each in batch.read_flows),
            )

    def _write_trigger_jobs(self, batch: Batch) -> None:
        for key, token in batch.held_trigger_jobs:
            if self._db.execute(SQL.hold_trigger_job, (*key, token)).fetchone() is None:
                raise Outdated(f"The evaluation of the trigger {key} is no longer held")
        for key, token in batch.ended_trigger_jobs:
            if not self._db.execute(SQL.end_trigger_job, (*key, token)).rowcount:
                raise Outdated(f"The evaluation of the trigger {key} is no longer held")
        if batch.removed_trigger_jobs:
            self._db.executemany(SQL.remove_trigger_job, batch.removed_trigger_jobs)
        if batch.trigger_jobs:
            self._db.executemany(SQL.put_trigger_job, map(rows.trigger_job_row, batch.trigger_jobs))

    def _put_trigger(self, record: TriggerRecord) -> None:
        values = rows.trigger_values(replace(record, version=record.version + 1))
        if record.version == 0:
            written = self._db.execute(SQL.add_trigger, (*record.key, *values)).rowcount
        else:
            written = self._db.execute(SQL.change_trigger, (*values, *record.key, record.version)).rowcount
        if not written:
            raise Outdated(f"Somebody else has changed the trigger {record.key}", mend="try again")

    def _write_timers(self, batch: Batch) -> None:
        for execution_id, task_run_id in batch.cancelled_timers:
            if task_run_id is None:
                self._db.execute(SQL.cancel_timers_of_execution, (execution_id,))
            else:
                self._db.execute(SQL.cancel_timers_of_run, (execution_id, task_run_id))
        if batch.elapsed_timers:
            self._db.executemany(SQL.end_timer, (rows.timer_row(timer)[:4] for timer in batch.elapsed_timers))
        if batch.timers:
            self._db.executemany(SQL.put_timer, map(rows.timer_row, batch.timers))

    def _put(self, sql: str, items: Iterable[T], row_of: Callable[[T], Row]) -> Generator[None, None, None]:
        yield from self._many(sql, map(row_of, items))

    def _many(self, sql: str, values: Iterable[Row]) -> Generator[None, None, None]:
        iterator = iter(values)
        while some := list(islice(iterator, ROWS_AT_ONCE)):
            self._db.executemany(sql, some)
            if len(some) == ROWS_AT_ONCE:
                yield

"""The store: the only truth. A small protocol per noun, and one way to write: `Store.commit`.

Every method takes and returns our structs, never rows or cursors. Reads see everything that was committed
before they began. Absence is None or an empty list; `need` variants are the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from batuta.model.charts import ChartColumn, ChartOrder, Dataset, Filter
from batuta.model.execution import Execution, ExecutionKind, TaskRun
from batuta.model.flow import FlowKey, FlowRevision
from batuta.model.records import KvEntry, KvVersion, LogLine, Metric, StoredSecret
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.model.trigger import TriggerJob, TriggerKey, TriggerRecord, Window
from batuta.store.batch import Batch, Job, PostedEvent, Timer

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T]):
    """Some of the matches, and how many there are in all."""

    results: list[T]
    total: int


class Condition(msgspec.Struct, frozen=True):
    """One filter of a search: `filters[field][OPERATION]=value` (API spec §3.1).

    `operation` is a wire name such as EQUALS, IN, CONTAINS, PREFIX or GREATER_THAN; `value` is text, a list
    of texts, an instant for dates, or a map for labels.
    """

    field: str
    operation: str
    value: Any


class AllOf(msgspec.Struct, frozen=True):
    """Every part holds."""

    parts: tuple[Criteria, ...] = ()


class AnyOf(msgspec.Struct, frozen=True):
    """At least one part holds."""

    parts: tuple[Criteria, ...] = ()


Criteria = Condition | AllOf | AnyOf


class Order(msgspec.Struct, frozen=True):
    """A column by its wire name (`state.startDate`) and a direction."""

    column: str
    descending: bool = False


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for, in which order, and which page of it."""

    criteria: Criteria = AllOf()
    order: tuple[Order, ...] = ()
    offset: int = 0
    limit: int = 10


class ChartQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart asks: rows of a set of data, or groups of them where a column is an aggregate."""

    dataset: Dataset
    columns: tuple[ChartColumn, ...]
    where: tuple[Filter, ...] = ()
    criteria: Criteria = AllOf(())
    """The same filters as those of searches for this noun; for metrics those of their executions."""
    order: tuple[ChartOrder, ...] = ()
    """By the columns that are no aggregates, without it; rows that are no groups newest first."""
    offset: int = 0
    limit: int = 10_000


class Charts(Protocol):
    """Rows for charts (triggers spec A25)."""

    async def rows(self, query: ChartQuery) -> Page[dict[str, Any]]:
        """The rows by the keys of their columns, and how many there are in all.

        Instants are datetimes, durations seconds; a column without a value is None.
        Raises `InvalidRequest` for a filter whose value does not suit its field.
        """


class Flows(Protocol):
    """Flows and their revisions."""

    async def latest(self, key: FlowKey) -> FlowRevision | None:
        """The newest revision, be it a deletion."""

    async def revision(self, key: FlowKey, revision: int) -> FlowRevision | None:
        """One revision."""

    async def revisions(self, key: FlowKey) -> list[FlowRevision]:
        """All revisions, oldest first."""

    async def search(self, search: Search) -> Page[FlowRevision]:
        """Newest revisions of flows that are not deleted.

        Fields: q, namespace, flowId, labels, scope, enabled, updated. Columns: id, namespace, updated.
        Raises `InvalidRequest` for an unknown field, operation or column.
        """

    async def namespaces(self) -> list[str]:
        """Every namespace that holds a flow which is not deleted, sorted."""

    async def remove(self, key: FlowKey, revisions: Sequence[int]) -> int:
        """Delete old revisions for good; how many there were."""


class Executions(Protocol):
    """Executions and their task runs."""

    async def get(self, execution_id: str) -> Execution | None:
        """One execution."""

    async def parts(self, execution_id: str) -> dict[tuple[int, str], Any]:
        """What its task runs keep beside their rows, by ordinal and name, in this order."""

    async def task_runs(self, execution_id: str) -> list[TaskRun]:
        """Its task runs in order."""

    async def search(self, search: Search) -> Page[Execution]:
        """Executions. Fields and columns: API spec §3.

        `kind` other than NORMAL is found only when asked for. Default order: newest start first.
        """

    async def unsettled(self) -> list[Execution]:
        """All that have something before them, oldest first."""

    async def children(self, execution_id: str) -> list[Execution]:
        """Executions that tasks of this one started, whatever their state."""

    async def queued(self, key: FlowKey, most: int) -> list[Execution]:
        """Executions of a flow that wait for a slot, those that wait longest first."""

    async def holders(self, key: FlowKey, most: int) -> list[Execution]:
        """Executions of a flow that count against its limit, oldest first."""

    async def queues(self) -> list[FlowKey]:
        """Flows of which executions wait for a slot."""

    async def latest(self, keys: Sequence[FlowKey]) -> list[Execution]:
        """The newest normal execution of each flow that ever ran."""

    async def distinct(self, field: str, limit: int) -> list[str]:
        """Values of `namespace`, `flowId`, `state` or `kind` that occur, sorted."""

    async def delete(self, execution_ids: Sequence[str], *, logs: bool = True, metrics: bool = True) -> int:
        """Remove executions with their task runs, jobs, timers and events; how many there were."""


class Jobs(Protocol):
    """Attempts that wait for a worker."""

    async def claim(self, worker_id: str, most: int, until: datetime) -> list[Job]:
        """Lease up to `most` waiting jobs, oldest first."""

    async def renew(self, worker_id: str, until: datetime) -> None:
        """Prolong all leases of a worker."""

    async def expired(self, now: datetime) -> list[Job]:
        """Leased jobs whose lease has run out."""

    async def of_other_workers(self, worker_id: str) -> list[Job]:
        """Jobs leased by anyone else: after a restart, those of processes that are gone."""

    async def waiting(self) -> int:
        """How many jobs nobody has taken."""

    async def of_task_run(self, task_run_id: str) -> Job | None:
        """The attempt of a task run that waits for a worker, or is leased by one."""

    async def ahead(self, job: Job) -> int:
        """How many jobs that nobody has taken are older than this one."""

    async def taken(self) -> dict[str, int]:
        """How many jobs each worker has leased."""


class Timers(Protocol):
    """Delays that were written down."""

    async def all(self) -> list[Timer]:
        """Every timer, earliest first."""

    async def of_execution(self, execution_id: str) -> list[Timer]:
        """Those of one execution, earliest first."""


class Events(Protocol):
    """Events that wait for the executor."""

    async def pending(self) -> list[PostedEvent]:
        """All of them in order of acceptance."""


class StoredLine(msgspec.Struct, frozen=True):
    """A log line and its place in the order of arrival."""

    id: int
    line: LogLine


class Logs(Protocol):
    """Log lines."""

    async def of_execution(
        self,
        execution_id: str,
        *,
        least: LogLevel = LogLevel.TRACE,
        task_run_id: str | None = None,
        task_id: str | None = None,
        attempt: int | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[StoredLine]:
        """Lines in order of arrival, from the one behind `after` on."""

    async def search(self, search: Search) -> Page[LogLine]:
        """Lines by the fields of API spec §3; newest first unless ordered by `timestamp`."""

    async def delete(
        self,
        execution_id: str,
        *,
        least: LogLevel = LogLevel.TRACE,
        task_run_id: str | None = None,
        task_id: str | None = None,
        attempt: int | None = None,
    ) -> int:
        """Remove lines; how many there were."""

    async def purge(self, criteria: Criteria) -> int:
        """Remove the lines that a search with these criteria would find; how many there were."""


class Metrics(Protocol):
    """Measurements of task runs."""

    async def of_execution(
        self, execution_id: str, *, task_run_id: str | None = None, task_id: str | None = None
    ) -> list[Metric]:
        """Measurements in order of arrival."""

    async def delete(self, execution_id: str) -> int:
        """Remove the measurements of an execution; how many there were."""

    async def of_flow(self, key: FlowKey, name: str, *, task_id: str | None = None) -> list[Metric]:
        """Measurements of one name that executions of a flow made, in order of arrival."""

    async def names(self, key: FlowKey, task_id: str | None = None) -> list[str]:
        """Names of the measurements of a flow, or of one task of it, sorted."""

    async def tasks(self, key: FlowKey) -> list[str]:
        """Tasks of a flow that have measured something, sorted."""


class Kv(Protocol):
    """Key-value entries. Expired ones are as good as absent, but `get` still gives them with their
    `expires_at`."""

    async def get(self, namespace: str, key: str) -> KvEntry | None:
        """Exactly this key of exactly this namespace."""

    async def put(self, entry: KvEntry, *, overwrite: bool = True) -> bool:
        """Write an entry; its `version` is set to one more than the present one.

        Returns False, and writes nothing, when the key exists, has not expired, and `overwrite` is false.
        """

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove a key; False when there was none."""

    async def of_namespace(self, namespace: str, now: datetime, prefix: str = "") -> list[KvEntry]:
        """Live entries of exactly this namespace whose key begins with `prefix`, by key."""

    async def search(self, search: Search, now: datetime) -> Page[KvEntry]:
        """Live ones. Fields: q, namespace, updated, expirationDate; columns: key, namespace, updateDate."""

    async def purge(self, now: datetime, most: int = 1_000) -> int:
        """Remove up to so many expired entries with all their versions; how many there were."""

    async def versions(self) -> list[KvVersion]:
        """Every version of every entry, by namespace, key and version."""

    async def remove_versions(self, versions: Sequence[KvVersion]) -> int:
        """Remove versions for good, be they present or past; how many there were."""


class SecretValues(Protocol):
    """Secrets of namespaces. What is stored here is encrypted; nobody here can read it."""

    async def get(self, namespace: str, key: str) -> StoredSecret | None:
        """Exactly this key of exactly this namespace."""

    async def put(self, *secrets: StoredSecret) -> None:
        """Write secrets, new or changed, in one transaction."""

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove a secret; False when there was none."""

    async def all(self) -> list[StoredSecret]:
        """Every secret, by namespace and key."""


class Triggers(Protocol):
    """Records of triggers, and what the scheduler remembers besides. They are written by `Store.commit`."""

    async def get(self, key: TriggerKey) -> TriggerRecord | None:
        """One record."""

    async def of_flow(self, key: FlowKey) -> list[TriggerRecord]:
        """Records of a flow, by trigger."""

    async def search(self, search: Search) -> Page[TriggerRecord]:
        """Fields: q, namespace, flowId, triggerId, triggerState, locked, scope, nextExecutionDate,
        lastTriggeredDate, startDate, endDate. Columns: triggerId, flowId, namespace, nextExecutionDate, date.
        """

    async def due(self, now: datetime, most: int) -> list[TriggerRecord]:
        """Records to look at now, those that wait longest first; none that is locked or switched off."""

    async def next_due(self) -> datetime | None:
        """When the next record is to be looked at; may be in the past."""

    async def locked(self) -> list[TriggerRecord]:
        """Records that wait for the end of an execution."""

    async def evaluating(self) -> list[TriggerRecord]:
        """Records that wait for the end of an evaluation."""

    async def claim_jobs(self, worker_id: str, most: int, now: datetime, until: datetime) -> list[TriggerJob]:
        """Lease up to `most` evaluations that nobody has, or whose lease has run out; oldest first."""

    async def renew_jobs(self, worker_id: str, until: datetime) -> list[TriggerJob]:
        """Prolong all leases of a worker; those that it still has."""

    async def release_jobs(self, worker_id: str | None = None) -> int:
        """Give back what a worker has leased, or what anybody has; how many there were."""

    async def job(self, key: TriggerKey) -> TriggerJob | None:
        """The evaluation of a trigger that waits for a worker, or is leased by one."""

    async def has_fired(self, key: TriggerKey, occasion: str) -> bool:
        """The trigger has dealt with an occasion."""

    async def purge_firings(self, before: datetime) -> int:
        """Forget occasions that were dealt with before an instant; how many there were."""

    async def window(self, flow: FlowKey, name: str) -> Window | None:
        """Preconditions of a Flow trigger met so far."""

    async def unread_flows(self) -> list[FlowKey]:
        """Flows with a newer revision than the one in `Batch.read_flows`."""

    async def is_read(self, key: FlowKey) -> bool:
        """The newest revision of a flow is the one in `Batch.read_flows`, or there is no such flow."""

    async def listening_flows(self) -> list[FlowKey]:
        """Flows that listen to other executions."""

    async def mark(self, name: str) -> datetime | None:
        """How far a recurring piece of work has come."""

    async def put_mark(self, name: str, at: datetime) -> None:
        """Write down how far it has come."""

    async def ended_since(self, at: datetime, most: int) -> list[Execution]:
        """Up to `most` executions that ended at or after an instant, in the order of their ends."""


class Store(Protocol):
    """The database, whichever it is."""

    @property
    def flows(self) -> Flows: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def timers(self) -> Timers: ...
    @property
    def events(self) -> Events: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def kv(self) -> Kv: ...
    @property
    def secrets(self) -> SecretValues: ...
    @property
    def triggers(self) -> Triggers: ...
    @property
    def charts(self) -> Charts: ...

    async def commit(self, batch: Batch) -> list[int]:
        """Do everything in the batch in one durable transaction.

        Returns when it has reached the disk: the ids of `batch.posted`, in order. Batches that wait at the
        same time share a transaction; if that fails, each is tried alone, so that one bad batch fails nobody
        else. Slots are granted within the transaction, one request after the other: an execution gets one
        while fewer executions of its flow than the limit hold one, and none that is older is queued. A slot
        is held until the execution is settled; executions that run without having asked count as well.

        Raises:
            AlreadyExists: a flow revision exists.
            AlreadyFired: a trigger has dealt with an occasion before.
            Outdated: the record of a trigger was changed by somebody else, or its job is no longer held.
            StoreError: the database refused; nothing of this batch was written.
        """

    async def close(self) -> None:
        """Finish what was accepted, and let go of the database."""


__all__ = [
    "AllOf", "AnyOf", "Condition", "Criteria", "Events", "ExecutionKind", "Executions", "Flows", "Jobs", "Kv",
    "Logs", "Metrics", "Order", "Page", "Search", "SecretValues", "State", "Store", "StoredLine", "Timers",
    "Triggers",
]  # fmt: skip

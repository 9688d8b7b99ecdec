"""Executions held in memory while something happens to them; read again when memory cannot be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from batuta import flows
from batuta.engine.ledger import Ledger
from batuta.engine.outline import outline_of
from batuta.engine.quotas import window_start
from batuta.engine.rules import QuotaUse, quotas_of
from batuta.errors import BatutaError, FlowError, NotFound
from batuta.executor.seals import Seals
from batuta.model import labels
from batuta.model.execution import Execution
from batuta.model.flow import Concurrency, Flow, FlowKey
from batuta.model.state import State
from batuta.store.port import AllOf, Condition, Criteria, Search, Store

_NOT_BEGUN = (State.CREATED, State.QUEUED)


class FlowSource:
    """Parsed flows by revision."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[tuple[FlowKey, int], Flow] = {}
        self._drafts: set[tuple[FlowKey, int]] = set()

    async def revision(self, key: FlowKey, revision: int) -> Flow:
        """One revision, ready to run.

        Raises:
            NotFound: there is no such revision.
            FlowError: its text is not a flow.
        """
        flow = self._parsed.get((key, revision))
        if flow is None:
            stored = await self._store.flows.revision(key, revision)
            if stored is None:
                raise NotFound(f"Unable to find flow '{key.namespace}'.'{key.id}' with revision '{revision}'")
            flow = flows.parse(stored.source, revision=revision)
            if stored.draft:
                self._drafts.add((key, revision))
            if len(self._parsed) >= 1024:
                self._parsed.pop(next(iter(self._parsed)))
            self._parsed[key, revision] = flow
        return flow

    def is_draft(self, flow: Flow) -> bool:
        """The flow, which came from here, is unfinished."""
        return (flow.key, flow.revision) in self._drafts

    async def latest(self, key: FlowKey) -> Flow:
        """The newest revision, ready to run.

        Raises:
            NotFound: there is no such flow, or it was deleted.
            FlowError: its text is not a flow.
        """
        stored = await self._store.flows.latest(key)
        if stored is None or stored.deleted:
            raise NotFound(f"Unable to find flow '{key.namespace}'.'{key.id}'")
        return await self.revision(key, stored.revision)


class Live:
    """Ledgers of the executions under way."""

    def __init__(self, store: Store, seals: Seals | None = None) -> None:
        self._store = store
        self._seals = seals
        self._ledgers: dict[str, Ledger] = {}
        self.flows = FlowSource(store)

    def known(self, execution_id: str) -> Ledger | None:
        """The ledger, if it is in memory."""
        return self._ledgers.get(execution_id)

    async def get(self, execution_id: str) -> Ledger | None:
        """The ledger, read from the store if need be; None when there is no such execution."""
        ledger = self._ledgers.get(execution_id)
        if ledger is not None:
            return ledger
        ledger = await self._load(execution_id)
        return None if ledger is None else self._ledgers.setdefault(execution_id, ledger)

    async def _load(self, execution_id: str) -> Ledger | None:
        execution = await self._store.executions.get(execution_id)
        if execution is None:
            return None
        runs = await self._store.executions.task_runs(execution_id) if execution.next_ordinal else []
        if self._seals is not None:
            execution, runs = self._seals.opened(execution, runs)
        try:
            flow = await self.flows.revision(execution.flow_key, execution.revision)
        except (FlowError, NotFound):
            # It ends at its next step, which finds none of its tasks; see `broken`.
            flow = Flow(id=execution.flow_id, namespace=execution.namespace, revision=execution.revision)
        if execution.loop is None:
            ledger = Ledger(execution, outline_of(flow), runs)
        else:
            outer_id = execution.loop.execution_id
            outer = self._ledgers.get(outer_id) or await self._load(outer_id)
            ledger = Ledger(execution, outline_of(flow, execution.loop.task_id), runs, outer)
        if any(ledger.runs[run_id].memo for run_id in ledger.open_flowables):
            await self._take_parts(ledger)
        self._adopt(ledger)
        return ledger

    async def _take_parts(self, ledger: Ledger) -> None:
        """Read what open runs keep beside their rows."""
        by_ordinal = {run.ordinal: run.id for run in ledger.runs.values()}
        for (ordinal, name), value in (await self._store.executions.parts(ledger.execution.id)).items():
            opened = value if self._seals is None else self._seals.opened_value(value)
            ledger.parts.setdefault(by_ordinal[ordinal], {})[name] = opened

    def _adopt(self, ledger: Ledger) -> None:
        if self._seals is not None:
            self._seals.adopt(ledger)

    async def concurrency(self, ledger: Ledger) -> Concurrency | None:
        """The limit under which an execution that has not begun stands: that of the newest revision of its
        flow, whatever its own one says (flow spec §13.1)."""
        flow = await self._newest(ledger)
        return None if flow is None else flow.concurrency

    async def quotas(self, ledger: Ledger, now: datetime) -> tuple[QuotaUse, ...]:
        """The quotas of the newest revision of the flow, and how much of each is used, for an execution that
        has not begun (flow spec §13.3)."""
        if ledger.execution.state.current is not State.CREATED:
            return ()
        flow = await self._newest(ledger)
        if flow is None or not flow.document.get("quotas"):
            return ()
        return tuple(
            [
                QuotaUse(
                    quota, await self._created_since(ledger.execution, window_start(quota.duration, now))
                )
                for quota in quotas_of(flow.document)
            ]
        )

    async def _created_since(self, execution: Execution, start: datetime) -> int:
        """Executions of the same flow that came before this one and were not refused by a quota."""
        conditions: tuple[Criteria, ...] = (
            Condition("namespace", "EQUALS", execution.namespace),
            Condition("flowId", "EQUALS", execution.flow_id),
            Condition("startDate", "GREATER_THAN_OR_EQUAL_TO", start),
            Condition("startDate", "LESS_THAN", execution.state.started_at),
        )
        refused = Condition("labels", "EQUALS", {labels.QUOTA: labels.EXCEEDED})
        every = await self._store.executions.search(Search(criteria=AllOf(conditions), limit=1))
        if not every.total:
            return 0
        out = await self._store.executions.search(Search(criteria=AllOf((*conditions, refused)), limit=1))
        return every.total - out.total

    async def _newest(self, ledger: Ledger) -> Flow | None:
        """The newest revision of the flow of an execution that has not begun."""
        execution = ledger.execution
        if execution.state.current not in _NOT_BEGUN or not execution.is_counted:
            return None
        newest = await self._store.flows.latest(execution.flow_key)
        if newest is None or newest.deleted:
            return None
        if newest.revision == execution.revision:
            return ledger.outline.flow
        try:
            return await self.flows.revision(execution.flow_key, newest.revision)
        except BatutaError:
            # The text of the newest revision is not a flow; nobody can start it, and what waits may run.
            return None

    async def broken(self, ledger: Ledger) -> str | None:
        """Why the execution's flow cannot run, or None when it can."""
        if ledger.outline.places:
            return None
        execution = ledger.execution
        try:
            await self.flows.revision(execution.flow_key, execution.revision)
        except BatutaError as error:
            return str(error)
        return None

    def add(self, ledger: Ledger) -> None:
        """Hold an execution that was just made."""
        self._adopt(ledger)
        self._ledgers[ledger.execution.id] = ledger

    def forget(self, execution_ids: Iterable[str]) -> None:
        """Let executions go; they are read again when needed."""
        for execution_id in execution_ids:
            self._ledgers.pop(execution_id, None)

    def children(self, execution_id: str) -> list[Execution]:
        """Executions in memory that tasks of this one started."""
        return [
            ledger.execution
            for ledger in self._ledgers.values()
            if ledger.execution.trigger is not None
            and ledger.execution.trigger.variables.get("executionId") == execution_id
            and "taskRunId" in ledger.execution.trigger.variables
        ]

    def __len__(self) -> int:
        return len(self._ledgers)

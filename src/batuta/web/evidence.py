"""What is known of an execution that waits, read from the store: of it, of what it started, of what holds its
slots."""

from __future__ import annotations

import msgspec

from batuta.engine.outline import Kind, Outline, outline_of
from batuta.errors import FlowError
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import Concurrency
from batuta.model.records import LogLine
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.model.trigger import TriggerKey, TriggerRecord
from batuta.store.batch import Job, Timer
from batuta.store.port import AllOf, Condition, Search
from batuta.web.site import Site

MOST_DEEP = 64
"""Executions in a chain of which each waits for the next."""
MOST_READ = 200
"""Executions read for one explanation."""
MOST_OF_ONE = 10
"""Executions of one kind, such as holders of slots, that are read."""
MOST_ERRORS = 4
"""Last errors of a log that are told."""
MOST_RUNS = 50
"""Task runs whose attempts are looked up."""


class Evidence(msgspec.Struct, kw_only=True):
    """What is known of one execution at one instant."""

    execution: Execution
    outline: Outline | None = None
    """None when its flow cannot be read."""
    runs: list[TaskRun] = []
    jobs: dict[str, Job] = {}
    """Attempts that wait or are under way, by task run."""
    ahead: dict[str, int] = {}
    """How many older attempts wait, by task run."""
    taken: int = 0
    """How many attempts workers have."""
    timers: list[Timer] = []
    limit: Concurrency | None = None
    """The limit under which it waits or runs."""
    before: int = 0
    """How many executions of its flow are queued before it."""
    behind: int = 0
    """How many executions of its flow wait for a slot such as it holds."""
    holders: list[Evidence] = []
    """Executions that hold the slots it waits for."""
    children: dict[str, list[Evidence]] = {}
    """Executions that its task runs started and that have not ended, by task run."""
    more_children: dict[str, int] = {}
    """How many more there are, by task run."""
    held_trigger: TriggerRecord | None = None
    """The trigger that started it, where that starts nothing before its end."""
    errors: list[LogLine] = []
    """The last lines of its log that tell of an error, oldest first; only of one that failed."""


class Gathering:
    """Reads evidence, each execution once, and not without end."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._store = site.ports.store
        self._read: set[str] = set()
        self._taken: int | None = None

    async def of(self, execution: Execution, depth: int = 0) -> Evidence:
        """All that is known of an execution."""
        self._read.add(execution.id)
        found = Evidence(execution=execution)
        if execution.settled:
            found.runs = await self._store.executions.task_runs(execution.id)
            if execution.state.current is State.FAILED:
                found.errors = await self._errors(execution)
            return found
        found.outline = await self._outline(execution)
        found.runs = await self._store.executions.task_runs(execution.id)
        found.timers = await self._store.timers.of_execution(execution.id)
        await self._limit(found, depth)
        await self._attempts(found)
        await self._children(found, depth)
        found.held_trigger = await self._held_trigger(execution)
        return found

    async def _errors(self, execution: Execution) -> list[LogLine]:
        criteria = AllOf(
            (
                Condition("executionId", "EQUALS", execution.id),
                Condition("level", "EQUALS", LogLevel.ERROR.value),
            )
        )
        page = await self._store.logs.search(Search(criteria=criteria, limit=MOST_ERRORS))
        return page.results[::-1]

    async def _outline(self, execution: Execution) -> Outline | None:
        revision = await self._store.flows.revision(execution.flow_key, execution.revision)
        flow = None if revision is None else self._site.parsed(revision).flow
        root = None if execution.loop is None else execution.loop.task_id
        return None if flow is None else outline_of(flow, root)

    async def _limit(self, found: Evidence, depth: int) -> None:
        execution = found.execution
        newest = await self._store.flows.latest(execution.flow_key)
        flow = None if newest is None or newest.deleted else self._site.parsed(newest).flow
        if flow is None or flow.concurrency is None or not execution.is_counted:
            return
        found.limit = flow.concurrency
        queued = await self._store.executions.queued(execution.flow_key, MOST_READ)
        ids = [each.id for each in queued]
        if execution.state.current is not State.QUEUED:
            found.behind = len(ids)
            return
        found.before = ids.index(execution.id) if execution.id in ids else 0
        holders = await self._store.executions.holders(execution.flow_key, MOST_OF_ONE)
        found.holders = [await self.of(each, depth + 1) for each in holders if self._may_read(each, depth)]

    async def _attempts(self, found: Evidence) -> None:
        waiting = (State.SUBMITTED, State.RUNNING, State.KILLING)
        under_way = [run for run in found.runs if run.state.current in waiting and is_leaf(found, run)]
        for run in under_way[:MOST_RUNS]:
            job = await self._store.jobs.of_task_run(run.id)
            if job is None:
                continue
            found.jobs[run.id] = job
            if job.worker_id is None:
                found.ahead[run.id] = await self._store.jobs.ahead(job)
        if found.jobs:
            if self._taken is None:
                self._taken = sum((await self._store.jobs.taken()).values())
            found.taken = self._taken

    async def _children(self, found: Evidence, depth: int) -> None:
        open_runs = {run.id for run in found.runs if not run.is_ended}
        for child in await self._store.executions.children(found.execution.id):
            waiting = None if child.trigger is None else child.trigger.variables.get("taskRunId")
            if child.settled or not isinstance(waiting, str) or waiting not in open_runs:
                continue
            known = found.children.setdefault(waiting, [])
            if len(known) < MOST_OF_ONE and self._may_read(child, depth):
                known.append(await self.of(child, depth + 1))
            else:
                found.more_children[waiting] = found.more_children.get(waiting, 0) + 1

    def _may_read(self, execution: Execution, depth: int) -> bool:
        return depth < MOST_DEEP and len(self._read) < MOST_READ and execution.id not in self._read

    async def _held_trigger(self, execution: Execution) -> TriggerRecord | None:
        if execution.trigger is None:
            return None
        key = TriggerKey(execution.namespace, execution.flow_id, execution.trigger.id)
        record = await self._store.triggers.get(key)
        return record if record is not None and record.execution_id == execution.id else None


def is_leaf(found: Evidence, run: TaskRun) -> bool:
    """Something happens in the run itself: it is not merely the frame around other runs."""
    return kind_of(found, run) not in (Kind.FLOWABLE,)


def kind_of(found: Evidence, run: TaskRun) -> Kind | None:
    """How the run's task is dispatched; None when the flow lacks it."""
    place = None if found.outline is None else found.outline.places.get(run.task_id)
    if place is None or found.outline is None:
        return None
    try:
        return found.outline.kind(place.task)
    except FlowError:
        return None

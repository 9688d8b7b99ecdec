"""A worker's surroundings: a real store, bus and storage in a folder, a list in place of the executor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from batuta import ids
from batuta.bus.local import LocalBus
from batuta.bus.port import JobsWaiting
from batuta.clock import SystemClock
from batuta.engine.events import AnyEvent, TaskRunFinished
from batuta.errors import NotFound
from batuta.lookups import Lookups
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import Flow
from batuta.model.state import History, State
from batuta.model.task import LogLevel, RetryPolicy, Task
from batuta.ports import Ports
from batuta.secrets.cipher import Cipher
from batuta.secrets.environment import EnvironmentSecrets
from batuta.settings.tree import Settings
from batuta.storage.local import LocalStorage
from batuta.store.batch import Batch, Job
from batuta.store.port import StoredLine
from batuta.store.sqlite import open_sqlite
from batuta.worker.attempt import Attempt, Bench, Forms, Outcome
from batuta.worker.context import AttemptInputs
from batuta.worker.journal import Journal
from batuta.worker.warden import Warden

COMMON = {
    "timeout": "timeout",
    "when": "when",
    "disabled": "disabled",
    "allowFailure": "allow_failure",
    "logLevel": "log_level",
    "retry": "retry",
}


class HeardEvents:
    """An inbox that remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self._changed = asyncio.Condition()

    async def accept(self, *events: AnyEvent, batch: Batch | None = None) -> None:
        await self.report(*events)

    async def report(self, *events: AnyEvent) -> None:
        async with self._changed:
            self.events += events
            self._changed.notify_all()

    async def first(self, kind: type, count: int = 1) -> list[Any]:
        """Wait for so many events of a class."""
        async with self._changed, asyncio.timeout(60):
            await self._changed.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Workshop:
    """Makes attempts of tasks that a test writes down as in a flow."""

    def __init__(self, ports: Ports, settings: Settings) -> None:
        self.ports = ports
        self.settings = settings
        self.heard: HeardEvents = ports.inbox  # type: ignore[assignment]
        self.jobs: dict[str, AttemptInputs] = {}
        self.bench = Bench(
            ports=ports,
            settings=settings,
            lookups=Lookups(ports),
            journal=Journal(ports.store, ports.bus),
            warden=Warden(),
            forms=Forms(),
            folders=settings.data_dir / "tmp",
        )

    def attempt(self, document: dict[str, Any], **names: Any) -> Attempt:
        """An attempt that has not begun."""
        return Attempt(self.bench, self.inputs(document, **names), 0)

    async def run(self, document: dict[str, Any], **names: Any) -> Outcome:
        """One attempt from beginning to end, and its log in the store."""
        self.last = self.attempt(document, **names)
        outcome = await self.last.run()
        await self.bench.journal.flush()
        return outcome

    def inputs(self, document: dict[str, Any], *, value: str | None = None, **names: Any) -> AttemptInputs:
        task = task_of(document)
        now = self.ports.clock.now()
        execution = Execution(
            id=ids.random_id(),
            namespace="company.team",
            flow_id="nightly_load",
            revision=1,
            state=History.starting(now).to(State.RUNNING, now),
            original_id="o",
            inputs=names.get("inputs", {}),
        )
        run = TaskRun(
            id=ids.derived_id(execution.id, 0),
            ordinal=0,
            task_id=task.id,
            state=History.starting(now, State.SUBMITTED),
            token=1,
            value=value,
        )
        flow = Flow(id="nightly_load", namespace="company.team", tasks=(task,))
        seen = {
            "flow": {"id": flow.id, "namespace": flow.namespace},
            "execution": {"id": execution.id},
            "task": {"id": task.id, "type": task.type},
            "taskrun": {"id": run.id, "startDate": now, "attemptsCount": 0},
            "inputs": {},
            "outputs": {},
            "vars": {},
        }
        return AttemptInputs(task=task, flow=flow, execution=execution, run=run, names=seen | names)

    async def submit(self, document: dict[str, Any], **names: Any) -> Job:
        """A job in the store, and the hint that it is there."""
        inputs = self.inputs(document, **names)
        job = Job(
            task_run_id=inputs.run.id,
            execution_id=inputs.execution.id,
            task_id=inputs.task.id,
            token=1,
            attempt=0,
            namespace=inputs.execution.namespace,
            flow_id=inputs.execution.flow_id,
            revision=1,
            created_at=self.ports.clock.now(),
        )
        self.jobs[job.task_run_id] = inputs
        await self.ports.store.commit(Batch(jobs=[job]))
        await self.ports.bus.publish(JobsWaiting())
        return job

    async def submit_again(self, lost: Job) -> Job:
        """The job of the next attempt, as the executor makes it when the lease of one has run out."""
        inputs = self.jobs[lost.task_run_id]
        job = msgspec.structs.replace(lost, token=lost.token + 1)
        run = msgspec.structs.replace(inputs.run, token=job.token)
        self.jobs[job.task_run_id] = msgspec.structs.replace(inputs, run=run)
        await self.ports.store.commit(Batch(ended_jobs=[(lost.task_run_id, lost.token)], jobs=[job]))
        await self.ports.bus.publish(JobsWaiting())
        return job

    async def of(self, job: Job) -> AttemptInputs:
        """The workshop is its own source of contexts."""
        if job.task_run_id not in self.jobs:
            raise NotFound(f"no task run {job.task_run_id}")
        return self.jobs[job.task_run_id]

    def mark_killing(self, job: Job) -> None:
        """What the engine writes when somebody kills the execution."""
        inputs = self.jobs[job.task_run_id]
        state = inputs.run.state.to(State.KILLING, self.ports.clock.now())
        self.jobs[job.task_run_id] = msgspec.structs.replace(
            inputs, run=msgspec.structs.replace(inputs.run, state=state)
        )

    async def stored_lines(self, execution_id: str | None = None) -> list[StoredLine]:
        identity = execution_id or self.last.inputs.execution.id
        return await self.ports.store.logs.of_execution(identity)

    async def log(self, least: LogLevel = LogLevel.TRACE) -> list[str]:
        """`LEVEL message` of each line of the last attempt, without the note on the runner."""
        lines = [stored.line for stored in await self.stored_lines()]
        return [
            f"{line.level.value} {line.message}"
            for line in lines
            if line.level.severity >= least.severity and not line.message.startswith("Runs as a process")
        ]

    async def metrics(self) -> list[tuple[str, str, float, dict[str, str]]]:
        found = await self.ports.store.metrics.of_execution(self.last.inputs.execution.id)
        return [(metric.name, metric.kind.value, metric.value, metric.tags) for metric in found]

    async def content(self, uri: str) -> bytes:
        return await self.ports.storage.read(uri)

    async def put(self, name: str, content: str | bytes) -> str:
        """A stored file of an earlier execution."""
        uri = f"kestra:///company/team/other/executions/e0/tasks/t/r/{name}"
        data = content.encode() if isinstance(content, str) else content
        return (await self.ports.storage.put(uri, data)).uri

    async def finished(self, job: Job) -> TaskRunFinished:
        async def look() -> TaskRunFinished:
            count = 1
            while True:
                for event in await self.heard.first(TaskRunFinished, count):
                    if event.task_run_id == job.task_run_id:
                        return event
                count += 1

        return await look()


def task_of(document: dict[str, Any]) -> Task:
    """The document form of a task; `tasks` are its children."""
    document = {"id": "t", **document}
    common = {COMMON[key]: document.pop(key) for key in list(document) if key in COMMON}
    if "log_level" in common:
        common["log_level"] = LogLevel(common["log_level"])
    if "retry" in common:
        common["retry"] = msgspec.convert(common["retry"], RetryPolicy)
    children = document.pop("tasks", None)
    branches = {"tasks": tuple(task_of(child) for child in children)} if children is not None else {}
    name = document.pop("type")
    name = name if name.startswith("io.") else f"io.kestra.plugin.{name}"
    return Task(
        id=document.pop("id"), type=name, written_type=name, properties=document, branches=branches, **common
    )


@asynccontextmanager
async def workshop(folder: Path, **settings: Any) -> AsyncIterator[Workshop]:
    """A workshop in a folder; its processes and connections are gone at the end."""
    store = await open_sqlite(folder / "batuta.db")
    ports = Ports(
        store=store,
        bus=LocalBus(),
        storage=LocalStorage(folder / "storage"),
        secrets=EnvironmentSecrets(),
        cipher=Cipher(None, folder),
        clock=SystemClock(),
        inbox=HeardEvents(),
    )
    shop = Workshop(
        ports, Settings(data_dir=folder, kill_grace_seconds=settings.pop("grace", 0.3), **settings)
    )
    journal = asyncio.create_task(shop.bench.journal.run())
    try:
        yield shop
    finally:
        journal.cancel()
        shop.bench.warden.close()
        await ports.bus.close()
        await store.close()


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)

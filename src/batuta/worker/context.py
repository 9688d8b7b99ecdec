"""What a running task sees, for real; and where an attempt's inputs come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import msgspec

from batuta import expr
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import Flow
from batuta.model.task import Task
from batuta.store.batch import Job
from batuta.worker.files import AttemptFiles
from batuta.worker.kv import NamespaceKv
from batuta.worker.logs import AttemptLog, AttemptMetrics
from batuta.worker.process import ChildProcesses
from batuta.worker.render import Renderer


class AttemptInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an attempt starts from."""

    task: Task
    flow: Flow
    execution: Execution
    run: TaskRun
    names: Mapping[str, Any]
    """What the task's expressions see (flow spec §11), without `workingDir`."""
    options: expr.Options = expr.Options()


class ContextSource(Protocol):
    """Where a worker gets the inputs of a job."""

    async def of(self, job: Job) -> AttemptInputs:
        """The inputs of an attempt.

        Raises:
            errors.NotFound: the execution or the task run is gone; the job is dropped.
        """


class AttemptIdentity(msgspec.Struct, frozen=True):
    """Which attempt this is."""

    namespace: str
    flow_id: str
    execution_id: str
    task_id: str
    task_run_id: str
    attempt: int


class AttemptContext:
    """The `RunContext` of an attempt on a worker."""

    def __init__(
        self,
        *,
        identity: AttemptIdentity,
        log: AttemptLog,
        metrics: AttemptMetrics,
        files: AttemptFiles,
        kv: NamespaceKv,
        processes: ChildProcesses,
        renderer: Renderer,
    ) -> None:
        self.identity = identity
        self.log = log
        self.metrics = metrics
        self.files = files
        self.kv = kv
        self.processes = processes
        self.renderer = renderer
        self._stops: list[ExitStack] = []
        self._cancelled = False

    @property
    def names(self) -> Mapping[str, Any]:
        """What expressions see."""
        return self.renderer.names

    @property
    def cancelled(self) -> bool:
        """True once the attempt was asked to stop."""
        return self._cancelled

    def render(self, template: str, **extra: Any) -> str | None:
        """Render a template with the outside values that are known; in a thread, missing ones are fetched."""
        return self.renderer.text(template, **extra)

    async def rendered(self, template: str, **extra: Any) -> str | None:
        """Render a template, fetching what it asks for."""
        return await self.renderer.rendered(template, **extra)

    async def native(self, template: str, **extra: Any) -> Any:
        """Render a template to a value, fetching what it asks for."""
        return await self.renderer.native(template, **extra)

    @contextmanager
    def stopping(self) -> Iterator[ExitStack]:
        """Callbacks for the moment when the attempt is asked to stop."""
        stack = ExitStack()
        self._stops.append(stack)
        try:
            yield stack
        finally:
            if stack in self._stops:
                self._stops.remove(stack)
            stack.pop_all()

    def stop(self) -> None:
        """Ask the task to stop: callbacks run now."""
        self._cancelled = True
        stops, self._stops = self._stops, []
        for stack in stops:
            stack.close()

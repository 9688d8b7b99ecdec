"""What a running task sees, for real; and where an attempt's inputs come from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import msgspec

from batuta import expr
from batuta.errors import TaskError
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import Flow
from batuta.model.records import LogLine
from batuta.model.task import LogLevel, Task
from batuta.store.batch import Job
from batuta.store.port import Store
from batuta.worker.executions import OtherExecutions
from batuta.worker.files import AttemptFiles
from batuta.worker.kv import NamespaceKv
from batuta.worker.log_purge import AllLogs
from batuta.worker.logs import AttemptLog, AttemptMetrics
from batuta.worker.namespace_trees import NamespaceTrees
from batuta.worker.process import ChildProcesses
from batuta.worker.render import Renderer
from batuta.worker.triggers import TriggerRecords

LOG_PAGE_LINES = 1_000


class AttemptInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an attempt starts from."""

    task: Task
    flow: Flow
    execution: Execution
    run: TaskRun
    names: Mapping[str, Any]
    """What the task's expressions see (flow spec §11), without `workingDir`."""
    options: expr.Options = expr.Options()
    secrets: tuple[str, ...] = ()
    """What the execution has seen of secrets, in the clear."""


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
        logs: AllLogs,
        triggers: TriggerRecords,
        namespaces: NamespaceTrees,
        executions: OtherExecutions,
        processes: ChildProcesses,
        renderer: Renderer,
        hide: Callable[[Iterable[str]], None],
        run_document: Callable[[str], Awaitable[Any]],
        own_api: Callable[[], Any] | None,
        store: Store,
    ) -> None:
        self.identity = identity
        self.log = log
        self.metrics = metrics
        self.files = files
        self.kv = kv
        self.logs = logs
        self.triggers = triggers
        self.namespaces = namespaces
        self.executions = executions
        self.processes = processes
        self.renderer = renderer
        self._hide = hide
        self._run_document = run_document
        self._own_api = own_api
        self._store = store
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

    @property
    def own_api(self) -> Any:
        """The REST API of the own server, as an ASGI application."""
        if self._own_api is None:
            raise TaskError("There is no server around this task", mend="name one with `kestraUrl`")
        return self._own_api()

    def render(self, template: str, **extra: Any) -> str | None:
        """Render a template with the outside values that are known; in a thread, missing ones are fetched."""
        return self.renderer.text(template, **extra)

    def hide(self, *secrets: str) -> None:
        """Treat these as secrets from now on."""
        self._hide(secrets)

    async def rendered(self, template: str, **extra: Any) -> str | None:
        """Render a template, fetching what it asks for."""
        return await self.renderer.rendered(template, **extra)

    async def native(self, template: str, **extra: Any) -> Any:
        """Render a template to a value, fetching what it asks for."""
        return await self.renderer.native(template, **extra)

    async def run_document(self, document: str) -> Any:
        """Run the task that a YAML text describes in place of this one, and give its outputs."""
        return await self._run_document(document)

    async def log_of(
        self, execution_id: str, *, least: LogLevel, task_ids: Sequence[str] = ()
    ) -> AsyncIterator[list[LogLine]]:
        """The log of an execution of the same namespace, in pages."""
        if execution_id != self.identity.execution_id:
            other = await self._store.executions.get(execution_id)
            if other is None or other.namespace != self.identity.namespace:
                raise TaskError(f"There is no execution `{execution_id}` in `{self.identity.namespace}`")
        after = 0
        while True:
            page = await self._store.logs.of_execution(
                execution_id, least=least, after=after, limit=LOG_PAGE_LINES
            )
            lines = [stored.line for stored in page if not task_ids or stored.line.task_id in task_ids]
            if lines:
                yield lines
            if len(page) < LOG_PAGE_LINES:
                return
            after = page[-1].id

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

"""What a task sees of the program while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from batuta.model.execution import Execution, TaskRun
from batuta.model.records import KvVersion, LogLine
from batuta.model.state import State
from batuta.model.task import LogLevel


class TaskLog(Protocol):
    """The log of an attempt."""

    def write(self, level: LogLevel, message: str) -> None:
        """Add a line."""

    def trace(self, message: str) -> None:
        """Add a line at TRACE."""

    def debug(self, message: str) -> None:
        """Add a line at DEBUG."""

    def info(self, message: str) -> None:
        """Add a line at INFO."""

    def warn(self, message: str) -> None:
        """Add a line at WARN."""

    def error(self, message: str) -> None:
        """Add a line at ERROR."""


class TaskMetrics(Protocol):
    """Measurements of an attempt."""

    def count(self, name: str, value: float = 1, **tags: str) -> None:
        """Add to a counter."""

    def time(self, name: str, value: timedelta, **tags: str) -> None:
        """Report a duration."""

    def gauge(self, name: str, value: float, **tags: str) -> None:
        """Report a level."""


class InlineContext(Protocol):
    """What a task that does no input or output may see."""

    @property
    def log(self) -> TaskLog:
        """The attempt's log."""

    @property
    def metrics(self) -> TaskMetrics:
        """The attempt's measurements."""

    @property
    def names(self) -> Mapping[str, Any]:
        """What expressions see: `inputs`, `outputs`, `taskrun` ... (flow spec §11)."""

    def render(self, template: str, **extra: Any) -> str | None:
        """Render a template that the task keeps back until it runs; `extra` names win over the context's."""


class Files(Protocol):
    """Files of an attempt: its working directory and the internal storage."""

    @property
    def working_dir(self) -> Path:
        """The attempt's own folder, made when first asked for and removed at the end.

        Inside a WorkingDirectory it is the folder that all children share.
        """

    async def fetch(self, uri: str, target: Path) -> None:
        """Copy a stored file (`kestra://`, `nsfile://`, `file://`) to a local path, in constant memory.

        Raises:
            TaskError: there is no such file, or this execution may not read it.
        """

    async def read(self, uri: str) -> bytes:
        """The content of a stored file; for small files only."""

    def on_machine(self, path: str) -> Path:
        """The place behind a path of this machine, which need not exist; `file://` may stand before it.

        Raises:
            TaskError: the operator has not opened it to flows.
        """

    async def put(self, source: Path, name: str | None = None) -> str:
        """Store a local file below this task run and give its URI; `name` defaults to the file's own."""

    async def put_bytes(self, content: bytes, name: str) -> str:
        """Store bytes below this task run and give their URI."""

    async def copy(self, uri: str) -> str:
        """Store a copy of a stored file below this task run and give its URI."""

    async def delete(self, uri: str) -> bool:
        """Remove a stored file; False when there was none."""

    async def size(self, uri: str) -> int:
        """Bytes in a stored file."""

    async def place(self, input_files: Mapping[str, Any] | str | None) -> list[Path]:
        """Write `inputFiles` into the working directory (plugins spec B2.4)."""

    async def place_namespace_files(self, namespace_files: Mapping[str, Any] | None) -> int:
        """Copy namespace files into the working directory; how many (triggers-and-stores spec A16.2)."""

    async def matching(self, patterns: Sequence[str]) -> list[str]:
        """Relative paths of the files in the working directory that match globs, in order."""

    async def collect(self, patterns: Sequence[str]) -> dict[str, str]:
        """Store and remove the files that match `outputFiles` globs; path -> URI (plugins spec B2)."""

    async def collect_below(self, folder: Path) -> dict[str, str]:
        """Store and remove every regular file below a folder; path relative to the folder -> URI."""

    async def purge_execution(self) -> list[str]:
        """Remove all files of this execution, of inputs, tasks and triggers; the URIs that were there."""

    @property
    def cache_dir(self) -> Path:
        """A folder of this machine for what later attempts can use again; made when first asked for."""


class KvStore(Protocol):
    """Key-value entries of a namespace."""

    async def get(self, key: str, namespace: str | None = None) -> Any:
        """The value, looked for in the namespace and its parents; None when there is none or it expired."""

    async def put(
        self,
        key: str,
        value: Any,
        *,
        namespace: str | None = None,
        type: str | None = None,
        ttl: timedelta | None = None,
        overwrite: bool = True,
        description: str | None = None,
    ) -> None:
        """Set a key; `type` is guessed from the value when absent.

        Raises:
            TaskError: the key exists and `overwrite` is false, or the value does not fit the type.
        """

    async def delete(self, key: str, namespace: str | None = None) -> bool:
        """Remove a key; False when there was none."""

    async def keys(self, prefix: str = "", namespace: str | None = None) -> list[str]:
        """Live keys of exactly this namespace that begin with `prefix`, sorted."""

    async def versions(self) -> list[KvVersion]:
        """Every version of every entry of all namespaces, by namespace, key and version."""

    async def remove_versions(self, versions: Sequence[KvVersion]) -> int:
        """Remove versions for good; how many there were."""

    def has_expired(self, version: KvVersion) -> bool:
        """The time of the version is over."""


class NamespaceTrees(Protocol):
    """Files of namespaces (triggers-and-stores spec A16).

    Paths may have a slash in front; those that are given back have none.
    """

    async def names(self) -> list[str]:
        """Namespaces with flows, sorted."""

    async def chosen(self, namespace: str, patterns: Sequence[str]) -> list[str]:
        """Paths of the files that one of the paths or globs names, sorted.

        Raises:
            TaskError: the namespace cannot be, or a pattern is no glob.
        """

    async def uri(self, namespace: str, path: str) -> str | None:
        """Where the newest content of a file is; None when there is no such file."""

    async def put(self, namespace: str, path: str, source: Path | bytes | str) -> str:
        """Write a file, as a new version where it exists, from a local file, bytes, or the URI of a stored
        file; its URI.

        Raises:
            TaskError: the namespace or the path cannot be, or the source is not there.
        """

    async def delete(self, namespace: str, path: str, *, with_empty_folders: bool = False) -> bool:
        """Remove a file, and if wanted the folders that this leaves empty; its versions are kept. False when
        there was none."""

    async def purge(
        self, namespace: str, *, pattern: str | None, keep: int | None, before: datetime | None
    ) -> int:
        """Remove old versions of the files that a path or glob names, for good: all but the newest ones, and
        those written before an instant. How many there were."""


class TriggerSwitch(Protocol):
    """Triggers of flows, as far as a task may change them."""

    async def switch(self, namespace: str, flow_id: str, trigger_id: str, *, on: bool) -> None:
        """Let a trigger start executions, or keep it from doing so.

        Raises:
            TaskError: there is no such trigger, or none that can be switched.
        """


class Logs(Protocol):
    """Log lines of all executions and triggers."""

    async def purge(
        self,
        *,
        namespace: str | None,
        flow_id: str | None,
        execution_id: str | None,
        levels: Sequence[LogLevel],
        since: datetime | None,
        until: datetime,
    ) -> int:
        """Remove lines that were written within a time; how many there were.

        A namespace without a flow means those below it as well. No levels means all.
        """


class PurgedParts(NamedTuple):
    """What of executions is removed."""

    executions: bool
    logs: bool
    metrics: bool
    storage: bool


class Purged(NamedTuple):
    """How much of what was removed."""

    executions: int = 0
    logs: int = 0
    metrics: int = 0
    files: int = 0

    def __add__(self, other: object) -> Purged:
        if not isinstance(other, Purged):
            return NotImplemented
        return Purged(*(mine + more for mine, more in zip(self, other, strict=True)))


class SeenExecution(NamedTuple):
    """An execution of any namespace, as it stands."""

    execution: Execution
    runs: list[TaskRun]
    """Its task runs, in order of creation."""


class Executions(Protocol):
    """Other executions than the attempt's own, as far as a task may look at and change them."""

    async def look(self, execution_id: str) -> SeenExecution:
        """An execution as it stands now; the attempt's own one too.

        Raises:
            TaskError: there is no such execution.
        """

    async def look_when(
        self, execution_id: str, reached: Callable[[Execution], bool], patience: timedelta
    ) -> SeenExecution:
        """An execution once `reached` holds of it, or as it stands when patience is at its end.

        Raises:
            TaskError: there is no such execution.
        """

    async def resume(
        self, execution_id: str, inputs: Mapping[str, Any], namespace: str | None = None
    ) -> None:
        """Let a paused execution of a namespace, by default of this one, go on.

        Raises:
            TaskError: there is no such execution in the namespace, or it is not paused.
        """

    async def count(
        self,
        *,
        namespace: str,
        flow_id: str | None,
        states: Sequence[State],
        since: datetime,
        until: datetime | None,
    ) -> int:
        """How many executions of a flow, or of exactly a namespace, began within a time."""

    async def purge(
        self,
        *,
        namespace: str | None,
        flow_id: str | None,
        states: Sequence[State],
        since: datetime | None,
        until: datetime,
        parts: PurgedParts,
        at_once: int,
    ) -> Purged:
        """Remove executions that ended by a time, or some of what belongs to them.

        A namespace without a flow means those below it as well. What is not settled stays.
        """


class Identity(Protocol):
    """Which attempt this is."""

    @property
    def namespace(self) -> str:
        """Namespace of the flow."""

    @property
    def flow_id(self) -> str:
        """Id of the flow."""

    @property
    def execution_id(self) -> str:
        """Id of the execution."""

    @property
    def task_id(self) -> str:
        """Id of the task."""

    @property
    def task_run_id(self) -> str:
        """Id of the task run."""

    @property
    def attempt(self) -> int:
        """Number of the attempt, from 0."""


OnLine = Callable[[str], None]
"""Takes one line of a process's output, without its line end."""


class Processes(Protocol):
    """Child processes of an attempt. None of them, nor any of their descendants, outlives the attempt."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        on_stdout: OnLine,
        on_stderr: OnLine,
    ) -> int:
        """Run a program to its end and give its exit code; 128 + n when signal n ended it.

        `env` is laid over the worker's own environment, less what is the server's own (plugins spec B6.1).

        Raises:
            TaskError: the program cannot be started.
        """

    def environment(self) -> dict[str, str]:
        """The worker's environment as processes see it."""


class RunContext(InlineContext, Protocol):
    """All that a task may use while it runs."""

    def hide(self, *secrets: str) -> None:
        """Treat these texts as secrets from now on: masked in the log, encrypted in outputs."""

    async def rendered(self, template: str, **extra: Any) -> str | None:
        """Render a template, fetching what it asks for. `render` knows only what was fetched before."""

    async def native(self, template: str, **extra: Any) -> Any:
        """Render to a value: that of the expression, where it is a single one (expressions spec §12)."""

    def log_of(
        self, execution_id: str, *, least: LogLevel, task_ids: Sequence[str] = ()
    ) -> AsyncIterator[list[LogLine]]:
        """The log of an execution of the namespace, in pages: lines from a level up, of some tasks or all.

        Raises:
            TaskError: there is no such execution in the namespace.
        """

    @property
    def processes(self) -> Processes:
        """Child processes."""

    @property
    def identity(self) -> Identity:
        """Which attempt this is."""

    @property
    def files(self) -> Files:
        """Working directory and internal storage."""

    @property
    def kv(self) -> KvStore:
        """The key-value store, beginning at the flow's namespace."""

    @property
    def namespaces(self) -> NamespaceTrees:
        """Files of namespaces."""

    async def run_document(self, document: str) -> Any:
        """Run the task that a YAML text describes in place of this one, and give its outputs.

        Raises:
            TaskError: the text is no task, or one that cannot run on a worker.
        """

    @property
    def triggers(self) -> TriggerSwitch:
        """Triggers of flows."""

    @property
    def logs(self) -> Logs:
        """Log lines of all executions."""

    @property
    def executions(self) -> Executions:
        """Other executions."""

    @property
    def own_api(self) -> Any:
        """The REST API of the own server, without a network between: an ASGI application that trusts
        whoever calls it.

        Raises:
            TaskError: there is no server around this attempt.
        """

    @property
    def cancelled(self) -> bool:
        """True once the attempt was asked to stop: by a kill, a timeout, or the end of the server.

        A coroutine that waits is cancelled as well; only code in threads has to look here.
        """

    def stopping(self) -> Any:
        """A context manager: `with ctx.stopping() as stop: stop.callback(connection.interrupt)`.

        Callbacks run at once when the attempt is asked to stop, from another thread than the task's.
        """

"""The life of one attempt: context, properties, the run within its time, the outcome."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from batuta import iso8601
from batuta.engine.secret_inputs import secret_values
from batuta.errors import BatutaError, MissingExtra, TaskError, TaskTimeout
from batuta.model.flow import Flow
from batuta.model.state import State
from batuta.model.task import Task
from batuta.plugin import registry
from batuta.plugin.forms import Form
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.task import InlineTask, RunnableTask, TaskFailed, TaskWarned
from batuta.ports import Ports
from batuta.settings.tree import Settings
from batuta.storage import uris
from batuta.worker.context import AttemptContext, AttemptIdentity, AttemptInputs
from batuta.worker.executions import OtherExecutions
from batuta.worker.files import AttemptFiles
from batuta.worker.journal import Journal
from batuta.worker.kv import NamespaceKv
from batuta.worker.log_file import LogFile
from batuta.worker.log_purge import AllLogs
from batuta.worker.logs import AttemptLog, AttemptMetrics
from batuta.worker.namespace_trees import NamespaceTrees
from batuta.worker.process import ChildProcesses
from batuta.worker.render import Lookups, Renderer, TaskNames
from batuta.worker.secrecy import Secrecy
from batuta.worker.task_cache import TaskCache
from batuta.worker.triggers import TriggerRecords
from batuta.worker.warden import Warden
from batuta.worker.workspace import Workspace


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended, before the engine has its say on `allowFailure` and the like."""

    state: State
    outputs: dict[str, Any] | None = None
    secrecy: Secrecy | None = None
    """What the attempt has seen of secrets; the outputs may hold some."""
    log_file: str | None = None
    """Where its log is kept, when the task wants it in a file."""
    problem: str | None = None
    """Why it failed."""

    def told(self) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
        """The outputs as others may see them, and the secrets that go with them, encrypted."""
        if self.secrecy is None or not self.secrecy.seen:
            return self.outputs, ()
        return self.secrecy.sealed(self.outputs), self.secrecy.kept()


class Forms:
    """Run forms of tasks, made once per task of a revision."""

    _MOST: ClassVar[int] = 4_096

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int, str], tuple[Task, Form[Any]]] = {}

    def of(self, flow: Flow, task: Task) -> Form[Any]:
        """The form of a task."""
        key = (flow.namespace, flow.id, flow.revision, task.id)
        known = self._known.get(key)
        if known is not None and known[0] is task:
            return known[1]
        form: Form[Any] = Form(task_class(task), task.properties)
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[key] = (task, form)
        return form


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What all attempts of a worker work with."""

    ports: Ports
    settings: Settings
    lookups: Lookups
    journal: Journal
    warden: Warden
    forms: Forms
    folders: Path
    """Where working directories are made."""
    own_api: Callable[[], Any] | None = None
    """Gives the REST API of this server to tasks that manage it; None where there is no server."""


class Attempt:
    """One try of one task run."""

    def __init__(
        self, bench: Bench, inputs: AttemptInputs, number: int, workspace: Workspace | None = None
    ) -> None:
        self.inputs = inputs
        self.killed = False
        self.leaving = False
        """The worker itself stops: nobody is told, and the attempt runs again elsewhere."""
        self._bench = bench
        self._shares = workspace is not None
        self._workspace = workspace or Workspace(bench.folders)
        self._log_file = LogFile() if inputs.task.log_to_file else None
        self.context = self._make_context(number)
        self._work: asyncio.Task[Outcome] | None = None

    @property
    def secrecy(self) -> Secrecy:
        """What the attempt knows of secrets."""
        return self._secrecy

    def kill(self) -> None:
        """Stop the attempt; it ends as KILLED unless it was over already."""
        self.killed = True
        self._stop()

    async def run(self) -> Outcome:
        """The attempt from beginning to end. When cancelled, it first ends everything that it started."""
        self._work = asyncio.create_task(self._pipeline())
        if self.killed:
            self._stop()
        cancelled = False
        while not self._work.done():
            try:
                await asyncio.wait([self._work])
            except asyncio.CancelledError:
                self.leaving = cancelled = True
                self._stop()
        if cancelled:
            raise asyncio.CancelledError
        if self._work.cancelled():
            self.context.log.error(f"Task {self.inputs.task.id} was killed")
            return Outcome(State.KILLED, log_file=await self._kept_log())
        return msgspec.structs.replace(
            self._work.result(), secrecy=self._secrecy, log_file=await self._kept_log()
        )

    async def _kept_log(self) -> str | None:
        """Keep the log of a task that wants it in a file; where it is."""
        if self._log_file is None:
            return None
        execution, task, run = self.inputs.execution, self.inputs.task, self.inputs.run
        uri = uris.task_file(
            execution.namespace, execution.flow_id, execution.id, task.id, run.id,
            f"log-{self.context.identity.attempt}.log",
        )  # fmt: skip
        return uri if await self._log_file.keep(self._bench.ports.storage, uri) else None

    def _stop(self) -> None:
        self.context.stop()
        if self._work is not None:
            self._work.cancel()

    def _make_context(self, number: int) -> AttemptContext:
        bench, execution = self._bench, self.inputs.execution
        task, run_id, settings = self.inputs.task, self.inputs.run.id, self._bench.settings
        call_soon = asyncio.get_running_loop().call_soon_threadsafe
        log = AttemptLog(
            self._log_file or bench.journal,
            bench.ports.clock,
            execution,
            task_id=task.id,
            task_run_id=run_id,
            attempt=number,
            least=task.log_level,
            most_bytes=settings.most_log_line_bytes,
            call_soon=call_soon,
        )
        metrics = AttemptMetrics(
            bench.journal,
            bench.ports.clock,
            execution,
            task_id=task.id,
            task_run_id=run_id,
            call_soon=call_soon,
            log=log,
        )
        files = AttemptFiles(
            self._workspace,
            bench.ports.storage,
            execution,
            executions=bench.ports.store.executions,
            task_id=task.id,
            task_run_id=run_id,
            cache_dir=settings.data_dir.absolute() / "cache",
            log=log,
            metrics=metrics,
            clock=bench.ports.clock,
            local_roots=settings.local_roots,
        )
        names = TaskNames(self.inputs.names, lambda: self._workspace.folder, self._own_names(task))
        known = [*self.inputs.secrets, *secret_values(self.inputs.flow, names.get("inputs") or {})]
        self._secrecy = Secrecy(bench.ports.cipher, known)
        log.mask = self._secrecy.mask
        return AttemptContext(
            identity=AttemptIdentity(
                execution.namespace, execution.flow_id, execution.id, task.id, run_id, number
            ),
            log=log,
            metrics=metrics,
            files=files,
            kv=NamespaceKv(
                bench.ports.store.kv, bench.ports.clock, execution.namespace, secrecy=self._secrecy
            ),
            logs=AllLogs(bench.ports.store.logs),
            triggers=TriggerRecords(bench.ports),
            namespaces=NamespaceTrees(bench.ports, files),
            run_document=self._run_document,
            own_api=bench.own_api,
            executions=OtherExecutions(bench.ports, execution.namespace),
            processes=ChildProcesses(bench.warden, settings.kill_grace_seconds, bench.journal.room),
            store=bench.ports.store,
            renderer=Renderer(names, bench.lookups, execution, self.inputs.options, self._secrecy.learn),
            hide=self._secrecy.add,
        )

    async def _run_document(self, text: str) -> dict[str, Any] | None:
        """Run the task that a text describes in place of this one, and give its outputs."""
        from batuta.worker.templating import task_of

        inputs = msgspec.structs.replace(self.inputs, task=task_of(text, self.inputs.task))
        inner = Attempt(self._bench, inputs, self.context.identity.attempt, self._workspace)
        with self.context.stopping() as stop:
            stop.callback(inner.context.stop)
            try:
                return (await inner._perform()).outputs
            finally:
                self._secrecy.add(inner._secrecy.seen)

    def _own_names(self, task: Task) -> Any:
        try:
            cls = task_class(task)
        except TaskError:
            return None
        own = getattr(cls, "own_names", None)
        if own is None or own.__func__ is RunnableTask.own_names.__func__:  # type: ignore[attr-defined]
            return None
        return lambda folder: own(task.properties, folder)

    async def _pipeline(self) -> Outcome:
        try:
            timeout = await self._timeout()
            try:
                async with asyncio.timeout(None if timeout is None else timeout.total_seconds()) as limit:
                    return await self._perform()
            except TimeoutError as error:
                if timeout is None or not limit.expired():
                    raise
                raise TaskTimeout(f"Timeout after {clock_text(timeout)}") from error
        except TaskWarned as warning:
            self.context.log.warn(warning.message)
            return Outcome(State.WARNING, plain_outputs(warning.outputs))
        except TaskFailed as failure:
            return self._failed(failure.message, plain_outputs(failure.outputs))
        except BatutaError as error:
            return self._failed(str(error))
        except Exception as error:
            outcome = self._failed(f"{type(error).__name__}: {error}")
            self.context.log.debug(traceback.format_exc())
            return outcome
        finally:
            if self._workspace.is_made and not self._shares:
                await asyncio.shield(asyncio.to_thread(self._workspace.remove))

    def _failed(self, problem: str, outputs: dict[str, Any] | None = None) -> Outcome:
        """Say why the attempt failed, in its log and in its outcome."""
        self.context.log.error(problem)
        return Outcome(State.FAILED, outputs, problem=self._secrecy.mask(problem))

    async def _timeout(self) -> timedelta | None:
        written = self.inputs.task.timeout
        if written is None:
            return None
        text = await self.context.rendered(written)
        if text is None or not text.strip():
            return None
        try:
            return iso8601.parse_duration(text)
        except (ValueError, OverflowError) as error:
            raise TaskError(f"timeout: {error}") from None

    async def _perform(self) -> Outcome:
        task = self.inputs.task
        cls = task_class(task)
        if task.type == WORKING_DIRECTORY:
            from batuta.worker.working_directory import WorkingDirectoryJob

            return await WorkingDirectoryJob(self, self._bench, self._workspace).run()
        form = self._bench.forms.of(self.inputs.flow, task)
        renderer = self.context.renderer
        instance = await renderer.settle(lambda: form.build(renderer.text))
        try:
            if isinstance(instance, InlineTask):
                inline = instance
                result = await renderer.settle(lambda: inline.compute(self.context))
            else:
                assert isinstance(instance, RunnableTask)
                return await self._run_or_reuse(instance)
        except ModuleNotFoundError as error:
            if cls.extra is None:
                raise
            raise MissingExtra(task.type, cls.extra) from error
        return Outcome(State.SUCCESS, plain_outputs(result))

    async def _run_or_reuse(self, task: RunnableTask) -> Outcome:
        # What a task leaves in a shared folder is no output, so nothing there can take its place.
        declared = not self._shares and "taskCache" in self.inputs.task.common
        cache = (
            await TaskCache.of(self._bench.ports, self.inputs, self.context.renderer) if declared else None
        )
        entry = None if cache is None else await cache.find()
        if entry is not None:
            self.context.log.info(f"Task {self.inputs.task.id} takes its outputs from the cache")
            self._secrecy.add(self._secrecy.opened(entry.secrets))
            return Outcome(State.SUCCESS, self._secrecy.opened(entry.outputs))
        outputs = plain_outputs(await task.run(self.context))
        if cache is not None:
            await cache.keep(*Outcome(State.SUCCESS, outputs, self._secrecy).told())
        return Outcome(State.SUCCESS, outputs)


WORKING_DIRECTORY = "io.kestra.plugin.core.flow.WorkingDirectory"
"""The flowable that comes to a worker as one job."""


def task_class(task: Task) -> type[Any]:
    """The class of a task's type.

    Raises:
        TaskError: there is no such type here, or it does not run on a worker.
    """
    name = registry.canonical(task.type)
    if name is None:
        near = registry.nearest(task.type)
        raise TaskError(f"Invalid type: {task.type}", mend=f"did you mean `{near}`?" if near else None)
    cls = registry.load(name)
    if (problem := registry.problem(cls)) is not None:
        raise TaskError(f"`{task.type}` cannot be loaded: {problem}", mend="install what its module needs")
    if name != WORKING_DIRECTORY and not issubclass(cls, (RunnableTask, InlineTask)):
        raise TaskError(f"`{task.type}` does not run on a worker")
    return cls


def clock_text(duration: timedelta) -> str:
    """`HH:mm:ss.SSS`."""
    millis = round(duration.total_seconds() * 1000)
    seconds, millis = divmod(millis, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"

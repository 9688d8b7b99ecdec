"""Tasks that share a folder: one job, its children run one after the other (flow spec §6.14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from batuta import expr, ids
from batuta.engine.events import ChildRunReported
from batuta.engine.retry import next_date
from batuta.errors import BatutaError, TaskError
from batuta.model.execution import TaskRun
from batuta.model.state import History, State
from batuta.model.task import RetryBehavior, Task
from batuta.plugin.forms import Form
from batuta.worker.cache import FolderCache
from batuta.worker.context import AttemptInputs
from batuta.worker.workspace import Workspace

if TYPE_CHECKING:
    from batuta.worker.attempt import Attempt, Bench, Outcome

_STOPPING = frozenset({State.FAILED, State.KILLED})


class SharedFolder(msgspec.Struct, kw_only=True, rename="camel"):
    """The properties of a WorkingDirectory, apart from its children."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.WorkingDirectory"

    input_files: dict[str, Any] | str | None = None
    output_files: list[str] = []
    namespace_files: dict[str, Any] | None = None
    cache: dict[str, Any] | None = None


class WorkingDirectoryJob:
    """One run of a WorkingDirectory: prepare the folder, run the children, keep what is to be kept."""

    def __init__(self, attempt: Attempt, bench: Bench, workspace: Workspace) -> None:
        self._attempt = attempt
        self._bench = bench
        self._workspace = workspace
        self._inputs = attempt.inputs
        self._names = _ChildNames(attempt.inputs)

    async def run(self) -> Outcome:
        """The whole job."""
        from batuta.worker.attempt import Outcome

        context, renderer = self._attempt.context, self._attempt.context.renderer
        try:
            form = Form(SharedFolder, self._inputs.task.properties)
            task = await renderer.settle(lambda: form.build(renderer.text))
            cache = FolderCache.of(task.cache, self._bench.ports, self._inputs, self._workspace.folder)
            await cache.restore()
            await context.files.place_namespace_files(task.namespace_files)
            await context.files.place(task.input_files)
        except (BatutaError, OSError) as error:
            raise TaskError(f"Failed preExecuteTasks on WorkingDirectory: {error}") from error
        state = State.SUCCESS
        for child in self._inputs.task.branches.get("tasks", ()):
            if child.disabled:
                continue
            ended = await self._run_child(child)
            if ended in _STOPPING:
                return Outcome(ended)
            if ended is State.WARNING:
                state = State.WARNING
        try:
            kept = await context.files.collect(task.output_files)
            await cache.save()
        except (BatutaError, OSError) as error:
            raise TaskError(f"Failed postExecuteTasks on WorkingDirectory: {error}") from error
        return Outcome(state, {"outputFiles": kept} if kept else None)

    async def _run_child(self, child: Task) -> State:
        """Run a child and tell the engine; the state in which the engine will have it in the end."""
        now = self._bench.ports.clock.now()
        run = TaskRun(
            id=ids.derived_id(self._inputs.run.id, child.id),
            ordinal=0,
            task_id=child.id,
            state=History.starting(now).to(State.RUNNING, now),
            parent_id=self._inputs.run.id,
        )
        names = self._names.of(child, run, 0)
        try:
            if child.when is not None and not await self._is_wanted(child, names):
                await self._report(child, State.SKIPPED)
                return State.SKIPPED
        except BatutaError as error:
            self._attempt.context.log.error(
                f"Unable to evaluate the runIf condition for task {child.id}\n{error}"
            )
            await self._report(child, State.FAILED)
            return _in_the_end(child, State.FAILED)
        outcome = await self._tried(child, run)
        await self._report(child, outcome.state, outcome)
        return _in_the_end(child, outcome.state)

    async def _tried(self, child: Task, run: TaskRun) -> Outcome:
        """Run a child as often as its own policy says; the folder is kept meanwhile."""
        policy = child.retry
        if policy is not None and policy.behavior is not RetryBehavior.RETRY_FAILED_TASK:
            policy = None
        made = 0
        while True:
            await self._report(child, State.RUNNING)
            outcome = await self._attempt_child(child, run, self._names.of(child, run, made), made)
            self._names.add(child, outcome.state, outcome.outputs)
            if outcome.secrecy is not None:
                self._inputs = msgspec.structs.replace(self._inputs, secrets=outcome.secrecy.seen)
            made += 1
            if policy is None:
                return outcome
            if outcome.state is not State.FAILED:
                warns = outcome.state is State.SUCCESS and made > 1 and policy.warning_on_retry
                return msgspec.structs.replace(outcome, state=State.WARNING) if warns else outcome
            now = self._bench.ports.clock.now()
            at = next_date(policy, made, run.state.started_at, now, seed=run.id)
            if at is None:
                return outcome
            await self._report(child, State.RETRYING, outcome)
            async with self._told_if_stopped(child):
                await asyncio.sleep((at - now).total_seconds())

    async def _is_wanted(self, child: Task, names: Mapping[str, Any]) -> bool:
        assert child.when is not None
        when = child.when
        extra = {name: names[name] for name in ("task", "taskrun", "outputs", "tasks")}
        return expr.is_truthy_text(await self._attempt.context.rendered(when, **extra))

    async def _attempt_child(
        self, child: Task, run: TaskRun, names: Mapping[str, Any], number: int
    ) -> Outcome:
        from batuta.worker.attempt import Attempt

        inputs = msgspec.structs.replace(self._inputs, task=child, run=run, names=names)
        attempt = Attempt(self._bench, inputs, number, self._workspace)
        async with self._told_if_stopped(child):
            outcome = await attempt.run()
        await self._bench.journal.flush()
        return outcome

    @asynccontextmanager
    async def _told_if_stopped(self, child: Task) -> AsyncIterator[None]:
        """When the job is stopped meanwhile, the engine hears how that ended the child."""
        try:
            yield
        except asyncio.CancelledError:
            if not self._attempt.leaving:
                state = State.KILLED if self._attempt.killed else State.FAILED
                await asyncio.shield(self._report(child, state))
            raise

    async def _report(self, child: Task, state: State, outcome: Outcome | None = None) -> None:
        outputs, secrets = (None, ()) if outcome is None else outcome.told()
        await self._bench.ports.inbox.report(
            ChildRunReported(
                execution_id=self._inputs.execution.id,
                parent_run_id=self._inputs.run.id,
                token=self._inputs.run.token,
                task_id=child.id,
                state=state,
                outputs=outputs,
                secrets=secrets,
                log_file=None if outcome is None else outcome.log_file,
                problem=None if outcome is None else outcome.problem,
                at=self._bench.ports.clock.now(),
            )
        )


def _in_the_end(child: Task, state: State) -> State:
    """The child's state after `allowFailure` and `allowWarning`."""
    if state is State.FAILED and child.allow_failure:
        state = State.WARNING
    if state is State.WARNING and child.allow_warning:
        state = State.SUCCESS
    return state


class _ChildNames:
    """What children see: the parent's names, and the outputs and states of the children before them."""

    def __init__(self, inputs: AttemptInputs) -> None:
        self._inputs = inputs
        self._outputs: dict[str, Any] = dict(inputs.names.get("outputs") or {})
        self._states: dict[str, Any] = dict(inputs.names.get("tasks") or {})
        parents = inputs.names.get("parents") or []
        values = [
            parent["taskrun"]["value"] for parent in parents if "value" in (parent.get("taskrun") or {})
        ]
        self._path = list(reversed(values))
        if inputs.run.value is not None:
            self._path.append(inputs.run.value)
        own = {"taskrun": {"value": inputs.run.value}} if inputs.run.value is not None else None
        self._parents = [own, *parents] if own else list(parents)

    def of(self, child: Task, run: TaskRun, made: int) -> Mapping[str, Any]:
        """The names of a child that is about to run, after so many attempts."""
        about = {
            "id": run.id,
            "startDate": run.state.started_at,
            "attemptsCount": made,
            "parentId": run.parent_id,
        }
        if self._inputs.run.value is not None:
            about["value"] = self._inputs.run.value
        if self._inputs.run.iteration is not None:
            about["iteration"] = self._inputs.run.iteration
        extra = {
            "task": {"id": child.id, "type": child.written_type},
            "taskrun": about,
            "workerTaskrun": self._inputs.names.get("taskrun"),
            "outputs": self._outputs,
            "tasks": self._states,
        }
        if self._parents:
            extra |= {"parents": self._parents, "parent": self._parents[0]}
        return _Laid(self._inputs.names, extra)

    def add(self, child: Task, state: State, outputs: dict[str, Any] | None) -> None:
        """A child has ended."""
        about: Any = {"state": state.value}
        for value in reversed(self._path[-1:]):
            about = {value: about}
        self._states = _merged(self._states, {child.id: about})
        if outputs is not None:
            nested: Any = outputs
            for value in reversed(self._path):
                nested = {value: nested}
            self._outputs = _merged(self._outputs, {child.id: nested})


class _Laid(Mapping[str, Any]):
    """Names laid over others."""

    def __init__(self, names: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
        self._names = names
        self._extra = extra

    def __getitem__(self, name: str) -> Any:
        return self._extra[name] if name in self._extra else self._names[name]

    def __contains__(self, name: object) -> bool:
        return name in self._extra or name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._names, *self._extra)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Both maps, nested ones merged; neither is changed."""
    result = dict(old)
    for key, value in new.items():
        there = result.get(key)
        result[key] = _merged(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return result

"""One execution in this process, without a server: all it needs is started, and is gone when it ends."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from batuta import expr, flows, ids
from batuta.app import running
from batuta.bus.port import ExecutionChanged, LogsWritten
from batuta.cli import conclusion, inputs, loading, progress
from batuta.cli.progress import Display
from batuta.engine import checks
from batuta.engine.events import ExecutionCreated, KillRequested
from batuta.engine.lifecycle import new_execution
from batuta.engine.rules import CheckBehavior
from batuta.engine.sealing import closed
from batuta.engine.world import World
from batuta.errors import Bug, InvalidRequest
from batuta.firing.scene import with_facts
from batuta.lookups import Lookups
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import Flow
from batuta.model.inputs import Input, InputType
from batuta.ports import Ports
from batuta.settings.tree import Settings
from batuta.storage import uris
from batuta.store.batch import Batch

MOST_LOOKUPS = 100
"""Most outside values that the defaults of a flow's inputs may ask for."""
LOOK_SECONDS = 1.0
"""Longest time between two looks at the rows."""
LINGER_SECONDS = 0.03
"""Shortest time between two looks: what changes meanwhile is shown together."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InvalidInputs(InvalidRequest):
    """The inputs of a flow are wrong. Attributes: `problems`, all of them."""

    code = "request.invalid-inputs"

    def __init__(self, flow: Flow, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        needed = ", ".join(each.id for each in flow.inputs) or "none"
        super().__init__(
            "; ".join(problems),
            where=f"the inputs of {flow.key}",
            mend=inputs.form_of_wrong(msgspec.to_builtins(flow.inputs), "; ".join(problems))
            or f"give inputs as `-i id=value`; the flow has: {needed}",
        )


class Outcome(msgspec.Struct, frozen=True):
    """An execution that is over."""

    execution: Execution
    runs: tuple[TaskRun, ...]
    serious: tuple[progress.LineView, ...] = ()
    """Its warnings and errors, those of what it started among them."""


async def execute(
    file: loading.FlowFile,
    siblings: Sequence[loading.FlowFile],
    given: Mapping[str, Any],
    settings: Settings,
    display: Display,
) -> Outcome:
    """Run a flow to its end.

    The first signal to stop kills the execution, so that its tasks end and its `afterExecution` runs; the
    second one leaves without waiting.

    Raises:
        InvalidInputs: the inputs are wrong; nothing has run.
        InvalidRequest: a check of the flow forbids to run with these inputs.
    """
    async with running(settings, scheduling=False) as ports:
        for each in siblings:
            await loading.store(ports, each.flow, each.source)
        flow = await loading.store(ports, file.flow, file.source) or await _stored(ports, file.flow)
        execution_id = ids.random_id()
        values, secrets = await _inputs(ports, flow, given, execution_id)
        execution = new_execution(flow, id=execution_id, inputs=values, now=ports.clock.now())
        execution = closed(execution, secrets, ports.cipher.encrypt)
        execution = await _checked(ports, flow, execution, display)
        async with _looks(ports) as look, _stopping(ports, execution_id, display):
            created = ExecutionCreated(execution_id=execution_id)
            await ports.inbox.accept(created, batch=Batch(executions={execution_id: execution}))
            return await _follow(ports, execution, display, look)


async def _stored(ports: Ports, flow: Flow) -> Flow:
    revision = await ports.store.flows.latest(flow.key)
    return flow if revision is None else msgspec.structs.replace(flow, revision=revision.revision)


async def _checked(ports: Ports, flow: Flow, execution: Execution, display: Display) -> Execution:
    """The execution as the checks of its flow let it begin (flow spec §14.2)."""
    if not flow.document.get("checks"):
        return execution
    now, world = ports.clock.now(), World()
    failed = await with_facts(
        Lookups(ports),
        flow.namespace,
        lambda facts: checks.failed_checks(flow, execution.inputs, now=now, world=world, facts=facts),
    )
    match checks.verdict(failed):
        case CheckBehavior.BLOCK_EXECUTION:
            raise checks.refusal(failed)
        case CheckBehavior.FAIL_EXECUTION:
            execution = checks.failed_at_birth(execution, now)
    for each in failed:
        display.note(f"{each.style.lower()}: {each.message}")
    return execution


# Inputs


async def _inputs(
    ports: Ports, flow: Flow, given: Mapping[str, Any], execution_id: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    unknown = flows.unknown(flow.inputs, given)
    if unknown:
        problems = [f"`{name}` is not an input of the flow; {hint}" for name, hint in unknown.items()]
        raise InvalidInputs(flow, problems)
    files = _local_files(flow, given)
    places = {
        name: uris.input_file(flow.namespace, flow.id, execution_id, name, uris.file_name(path.name))
        for name, path in files.items()
    }
    values, secrets = await _resolved(ports, flow, {**given, **places})
    for name, path in files.items():
        await ports.storage.put(places[name], path)
    return values, secrets


def _local_files(flow: Flow, given: Mapping[str, Any]) -> dict[str, Path]:
    """The inputs of type FILE that name a file of this machine."""
    found = {}
    for declared in _file_inputs(flow.inputs):
        value = given.get(declared.id)
        if not isinstance(value, str) or "://" in value:
            continue
        path = Path(value).expanduser()
        if not path.is_file():
            raise InvalidInputs(flow, [f"there is no file `{value}` for the input `{declared.id}`"])
        found[declared.id] = path
    return found


def _file_inputs(declared: Sequence[Input], prefix: str = "") -> list[Input]:
    found = []
    for each in declared:
        if each.type is InputType.FILE:
            found.append(msgspec.structs.replace(each, id=prefix + each.id))
        found += _file_inputs(each.inputs, f"{prefix}{each.id}.")
    return found


async def _resolved(
    ports: Ports, flow: Flow, given: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The typed inputs, and what their defaults have seen of secrets."""
    names = {
        "flow": {"id": flow.id, "namespace": flow.namespace, "revision": flow.revision},
        "namespace": {"id": flow.namespace},
        "vars": flow.variables,
    }
    facts = expr.Facts()
    lookups = Lookups(ports)
    for _ in range(MOST_LOOKUPS):
        try:
            resolution = flows.resolve(flow.inputs, given, names, facts, encrypt=ports.cipher.encrypt)
        except expr.MissingFact as missing:
            facts = await lookups.answer(missing.fact, facts, namespace=flow.namespace)
            continue
        if resolution.violations:
            raise InvalidInputs(flow, [str(violation) for violation in resolution.violations])
        return dict(resolution.values), resolution.secrets
    raise InvalidInputs(flow, [f"the defaults ask for more than {MOST_LOOKUPS} outside values"])


# Following


@asynccontextmanager
async def _looks(ports: Ports) -> AsyncIterator[asyncio.Event]:
    """An event that is set on every change. All executions here descend from ours, so any hint counts."""
    changed = asyncio.Event()

    async def listen(hints: AsyncIterator[Any]) -> None:
        async for _ in hints:
            changed.set()

    async with ports.bus.subscribe(ExecutionChanged, LogsWritten) as hints:
        listener = asyncio.create_task(listen(hints))
        try:
            yield changed
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener


async def _follow(ports: Ports, execution: Execution, display: Display, changed: asyncio.Event) -> Outcome:
    journal = Journal(ports, execution.id)
    serious: deque[progress.LineView] = deque(maxlen=conclusion.MOST_SERIOUS)
    paused = False
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), LOOK_SECONDS)
        changed.clear()
        found = await ports.store.executions.get(execution.id)
        if found is None:
            raise Bug(f"the execution {execution.id} is gone")
        # In this order an ended execution has its last lines, and the task run of each line is known.
        lines = await journal.fresh()
        runs = await ports.store.executions.task_runs(execution.id)
        snapshot = progress.of_rows(found, runs)
        serious.extend(line for line in lines if line.level in conclusion.SERIOUS)
        display.update(snapshot, lines)
        if snapshot.over:
            return await _complete(ports, Outcome(found, tuple(runs), tuple(serious)))
        if snapshot.state is snapshot.state.PAUSED and not paused:
            display.note("The execution is paused. Nobody can resume it here; Ctrl-C ends it.")
        paused = snapshot.state is snapshot.state.PAUSED
        await asyncio.sleep(LINGER_SECONDS)


async def _complete(ports: Ports, outcome: Outcome) -> Outcome:
    """The outcome with the values that were moved to storage, which may end with the command."""
    from batuta.storage.values import filled

    execution = await filled(ports.storage, outcome.execution)
    runs = [await filled(ports.storage, run) for run in outcome.runs]
    return msgspec.structs.replace(outcome, execution=execution, runs=tuple(runs))


class Journal:
    """The lines of an execution and of those that it started, each given once."""

    def __init__(self, ports: Ports, execution_id: str) -> None:
        self._store = ports.store
        self._seen: dict[str, int] = {execution_id: 0}
        self._names: dict[str, str] = {execution_id: ""}

    async def fresh(self) -> list[progress.LineView]:
        """Lines that no earlier call gave; those of a child have its flow before the name of the task."""
        found: list[progress.LineView] = []
        for execution_id in list(self._seen):
            for child in await self._store.executions.children(execution_id):
                if child.id not in self._seen:
                    self._seen[child.id] = 0
                    self._names[child.id] = f"{child.flow_id}/"
        for execution_id, seen in list(self._seen.items()):
            lines = await self._store.logs.of_execution(execution_id, after=seen)
            if lines:
                self._seen[execution_id] = lines[-1].id
            name = self._names[execution_id]
            found += [
                msgspec.structs.replace(line, task_id=f"{name}{line.task_id or ''}")
                for line in progress.of_stored_lines(lines)
            ]
        return sorted(found, key=lambda line: line.at)


# Stopping


@asynccontextmanager
async def _stopping(ports: Ports, execution_id: str, display: Display) -> AsyncIterator[None]:
    """While inside, a signal to stop kills the execution, and a second one cancels whoever waits for it."""
    loop = asyncio.get_running_loop()
    waiting = asyncio.current_task()
    asked: list[asyncio.Task[None]] = []

    async def kill() -> None:
        await ports.inbox.accept(KillRequested(execution_id=execution_id))

    def stop() -> None:
        if not asked:
            display.note("Killing the execution; Ctrl-C again leaves at once.")
            asked.append(asyncio.create_task(kill()))
        elif waiting is not None:
            waiting.cancel()

    with _signals(loop, stop):
        yield
    for task in asked:
        await task


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` for every signal to stop, until the block ends."""
    for each in STOP_SIGNALS:
        loop.add_signal_handler(each, stop)
    try:
        yield
    finally:
        for each in STOP_SIGNALS:
            loop.remove_signal_handler(each)

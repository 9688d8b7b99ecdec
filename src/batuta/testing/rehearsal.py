"""One execution in memory with real tasks: the engine, a worker's attempts, and a clock that jumps.

What a test is about runs as it would on a server; what its fixtures name does not run, and nothing reaches
the network or starts a process unless that is allowed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from batuta import expr, ids
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine import replaying
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.engine.outline import Kind, outline_of
from batuta.engine.world import Chance
from batuta.errors import BatutaError
from batuta.model.execution import Execution, ExecutionKind, ExecutionTrigger
from batuta.model.flow import Flow
from batuta.model.labels import Label
from batuta.model.records import LogLine
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.storage import uris
from batuta.testing.fixtures import Mocking
from batuta.testing.inline import InlineContext, run_inline
from batuta.testing.outcome import Outcome
from batuta.testing.stage import Stage
from batuta.testing.surroundings import Surroundings
from batuta.testing.virtual_time import VirtualTimeLoop
from batuta.worker.attempt import Attempt
from batuta.worker.context import AttemptInputs

T = TypeVar("T")

TEST_LABEL = Label("system.test", "true")
"""By which executions of tests are known (flow spec §1.2)."""

MOST_FACTS = 1_000
"""Most outside values that one step may ask for."""
MOST_WAITS = 100_000
"""Waits for timers and attempts after which an execution is taken for one without an end."""


class Unfinished(BatutaError):
    """The execution of a test does not come to its end."""

    code = "test.unfinished"


class Rehearsal(Stage):
    """Runs one execution to its end. Use it within a `VirtualTimeLoop`."""

    def __init__(
        self,
        flow: Flow,
        surroundings: Surroundings,
        mocking: Mocking,
        *,
        seed: str,
        most_seconds: float,
    ) -> None:
        super().__init__(surroundings.flows.values(), surroundings.world)
        self.flows[flow.key] = flow
        self.flow = flow
        self.surroundings = surroundings
        self.mocking = mocking
        self.id = ids.derived_id("test", seed)
        self._most_seconds = most_seconds
        self._begun = 0.0
        self._facts = expr.Facts()
        self._chores: deque[Callable[[], Awaitable[None]]] = deque()
        """What commands ask for beyond the step that gave them; done before the next event."""
        self._attempts: dict[str, Attempt] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._failing: set[str] = set()
        surroundings.inbox.hear = self._hear
        surroundings.find = lambda id: None if (found := self.ledgers.get(id)) is None else found.execution

    # From beginning to end

    async def begin(self, inputs: dict[str, Any], trigger: ExecutionTrigger | None) -> None:
        """Create the execution.

        Raises:
            InvalidRequest: its inputs are wrong.
        """
        self.now = self.surroundings.clock.now()

        def create() -> Execution:
            return self._create(self.flow, inputs, (TEST_LABEL,), trigger, self.id, kind=ExecutionKind.TEST)

        await self._settled(create)

    async def to_the_end(self) -> Ledger:
        """Run until the execution has ended, with all that follows on its end; the last try of it.

        Raises:
            Unfinished: nothing will end it, or it takes too long.
        """
        self._begun = time.monotonic()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.wake_at(self._begun + self._most_seconds, self._wake.set)
        waits = 0
        try:
            while True:
                await self._work()
                ledger = self.ledgers[self.id]
                if ledger.execution.settled and ledger.execution.state.current is not State.RETRIED:
                    return ledger
                waits += 1
                if waits > MOST_WAITS:
                    raise Unfinished(
                        f"the execution is still {ledger.execution.state.current} after {MOST_WAITS} waits",
                        mend="look for a loop without an end, or one with a very short interval",
                    )
                if not self.timers and not self._under_way:
                    raise self._stuck(ledger)
                await self._wait()
                if loop.stands_still:
                    waiting = ", ".join(f"`{each.inputs.task.id}`" for each in self._attempts.values())
                    raise Unfinished(
                        f"{waiting} waits for something that never comes in a test",
                        mend="give it a fixture",
                    )
        finally:
            await self._leave()

    async def _work(self) -> None:
        """Make steps until nothing is left to do but to wait."""
        while self._chores or self._events:
            if self._chores:
                await self._chores.popleft()()
                continue
            event = self._events.popleft()
            ledger = self.ledgers.get(event.execution_id)
            if ledger is not None:
                await self._stepped(ledger, event)
                self._look_at_watch()
        self._look_at_watch()

    def _look_at_watch(self) -> None:
        if time.monotonic() - self._begun > self._most_seconds:
            state = self.ledgers[self.id].execution.state.current
            raise Unfinished(
                f"the execution is still {state} after {self._most_seconds:g} seconds of real time",
                mend="give what takes so long a fixture, or allow more with `--timeout`",
            )

    async def _stepped(self, ledger: Ledger, event: on.AnyEvent) -> None:
        self.now = self.surroundings.clock.now()
        try:
            await self._settled(lambda: self._step(ledger, event), ledger.execution)
        except Exception as error:
            # As on a server: a step that cannot be made ends its execution, not the program.
            if ledger.execution.id in self._failing:
                raise
            self._failing.add(ledger.execution.id)
            self._events.append(on.ExecutionFailed(execution_id=ledger.execution.id, reason=str(error)))

    async def _wait(self) -> None:
        """Until an attempt tells something, or the next timer has run out."""
        self._wake.clear()
        due = min(self.timers)[0] if self.timers else None
        left = None if due is None else (due - self.surroundings.clock.now()).total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if left is None else max(left, 0.0)):
                await self._wake.wait()
        now = self.surroundings.clock.now()
        if due is not None and not self._events:
            now = max(now, due)
        for timer in sorted(each for each in self.timers if each[0] <= now):
            self.timers.remove(timer)
            self._events.append(timer[2])

    def _stuck(self, ledger: Ledger) -> Unfinished:
        waiting = [run for run in ledger.runs.values() if run.state.current is State.PAUSED]
        state = ledger.execution.state.current
        if waiting:
            task_id = waiting[0].task_id
            return Unfinished(
                f"the execution is {state} at `{task_id}`, and nobody resumes it in a test",
                mend=f"give `{task_id}` a fixture with what it gives: `{{id: {task_id}, outputs: {{...}}}}`",
            )
        return Unfinished(f"the execution stays {state}: nothing is left that could happen")

    async def _leave(self) -> None:
        """End what is still under way."""
        for attempt in list(self._attempts.values()):
            attempt.kill()
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    # Outside values

    async def _settled(self, make: Callable[[], T], execution: Execution | None = None) -> T:
        """Call `make` until no outside value is missing any more."""
        self._facts = expr.Facts()
        for _ in range(MOST_FACTS):
            try:
                return make()
            except expr.MissingFact as missing:
                self._facts = await self.surroundings.lookups.answer(
                    missing.fact,
                    self._facts,
                    namespace=self.flow.namespace if execution is None else execution.namespace,
                    execution=execution,
                )
        raise Unfinished(f"one step asks for more than {MOST_FACTS} outside values")

    def _known(self) -> expr.Facts:
        return self._facts

    # Commands

    def _obey(self, ledger: Ledger, command: do.AnyCommand) -> None:
        if isinstance(command, do.StartSubflow):
            self._chores.append(lambda: self._start_subflow(ledger, command))
        else:
            super()._obey(ledger, command)

    async def _start_subflow(self, ledger: Ledger, command: do.StartSubflow) -> None:
        self._events.append(await self._settled(lambda: self._subflow(ledger, command), ledger.execution))

    def _run(self, ledger: Ledger, command: do.RunTask) -> None:
        fixture = (
            self.mocking.fixture(command.task.id, command.run.value) if self._is_tested(ledger) else None
        )
        if fixture is None and ledger.outline.kind(command.task) is Kind.INLINE:
            self._chores.append(lambda: self._run_inline(ledger, command))
            return
        task = asyncio.get_running_loop().create_task(self._attempt(ledger, command))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def tested(self) -> list[Ledger]:
        """The execution of the test, its earlier tries, and the iterations of its loops; not its subflows."""
        return [each for each in self.ledgers.values() if self._is_tested(each)]

    def _is_tested(self, ledger: Ledger) -> bool:
        """Fixtures are for this execution."""
        while ledger.outer is not None:
            ledger = ledger.outer
        return ledger.execution.kind is ExecutionKind.TEST

    async def _run_inline(self, ledger: Ledger, command: do.RunTask) -> None:
        if self._is_tested(ledger):
            self.mocking.ran[command.task.id] = None
        options = self._options(command)
        names = self._names(ledger, command)

        def compute() -> Outcome:
            lines: list[tuple[LogLevel, str]] = []
            context = InlineContext(names, self._facts, options, lambda *line: lines.append(line))
            outcome = run_inline(context, ledger, command)
            least = command.task.log_level
            for level, message in lines:
                if least is None or level.severity >= least.severity:
                    self._line(ledger, level, message, command)
            return outcome

        outcome = await self._settled(compute, ledger.execution)
        self._finish(ledger, command, outcome.state, outcome.outputs)

    async def _attempt(self, ledger: Ledger, command: do.RunTask) -> None:
        run = command.run
        bench = self.surroundings.bench if self._is_tested(ledger) else self.surroundings.unmocked
        inputs = AttemptInputs(
            task=command.task,
            flow=ledger.outline.flow,
            execution=ledger.execution,
            run=run,
            names=self._names(ledger, command),
            options=self._options(command),
        )
        number = sum(each.state.current is not State.RUNNING for each in run.attempts)
        with ids.drawing(random.Random(f"{run.id}/{run.token}").getrandbits):
            attempt = self._attempts[run.id] = Attempt(bench, inputs, number)
            if ledger.outline.kind(command.task) is not Kind.INLINE:
                now = self.surroundings.clock.now()
                self._hear(
                    on.TaskRunStarted(
                        execution_id=ledger.execution.id, task_run_id=run.id, token=run.token, at=now
                    )
                )
            try:
                outcome = await attempt.run()
            except Exception as error:
                # An attempt that breaks must not leave the execution waiting for it.
                self._line(ledger, LogLevel.ERROR, f"{type(error).__name__}: {error}", command)
                self._finish(ledger, command, State.FAILED, None)
                return
            finally:
                self._attempts.pop(run.id, None)
        state = outcome.state
        if state is State.SUCCESS:
            state = self.mocking.ends.pop(run.id, state)
        self._finish(ledger, command, state, outcome.outputs)

    def _finish(
        self, ledger: Ledger, command: do.RunTask, state: State, outputs: dict[str, Any] | None
    ) -> None:
        self._hear(
            on.TaskRunFinished(
                execution_id=ledger.execution.id,
                task_run_id=command.run.id,
                token=command.run.token,
                state=state,
                outputs=outputs,
                at=self.surroundings.clock.now(),
            )
        )

    def _hear(self, *events: on.AnyEvent) -> None:
        self._events.extend(events)
        self._wake.set()

    def _stop(self, run_id: str) -> None:
        attempt = self._attempts.get(run_id)
        if attempt is not None:
            attempt.kill()

    def _store(self, ledger: Ledger, command: do.StoreRows) -> None:
        execution, run = ledger.execution, command.run
        uri = uris.task_file(
            execution.namespace, execution.flow_id, execution.id, run.task_id, run.id, "outputs.ion"
        )
        content = b"".join(msgspec.json.encode(row) + b"\n" for row in command.rows)

        async def store() -> None:
            await self.surroundings.storage.put(uri, content)
            self._hear(
                on.TaskRunFinished(
                    execution_id=execution.id,
                    task_run_id=run.id,
                    token=run.token,
                    state=State.SUCCESS,
                    outputs={command.output: uri},
                )
            )

        self._chores.append(store)

    def _repeat(self, ledger: Ledger, command: do.CreateExecution) -> None:
        old = ledger.execution
        new = replaying.repetition(
            old, id=ids.derived_id(old.id, "retry", old.attempt_number), now=command.at
        )
        self.ledgers[new.id] = Ledger(new, outline_of(ledger.outline.flow))
        self._after(command.at, on.ExecutionCreated(execution_id=new.id))
        if old.id == self.id:
            self.id = new.id

    def _write(self, ledger: Ledger, command: do.WriteLog) -> None:
        self._line(ledger, command.level, command.message, command)

    # What tasks see and say

    def _names(self, ledger: Ledger, command: do.RunTask) -> Names:
        return Names(ledger, self.world, command.run, {"files": self.surroundings.files})

    def _options(self, command: do.RunTask) -> expr.Options:
        root = f"{command.run.id}/{command.run.token}"
        return Chance(root, self.world.options(self.surroundings.clock.now())).options()

    def _line(self, ledger: Ledger, level: LogLevel, message: str, command: do.RunTask | do.WriteLog) -> None:
        execution, run = ledger.execution, command.run
        self.surroundings.logs.lines.append(
            LogLine(
                execution_id=execution.id,
                namespace=execution.namespace,
                flow_id=execution.flow_id,
                at=self.surroundings.clock.now(),
                level=level,
                message=message,
                task_id=None if run is None else run.task_id,
                task_run_id=None if run is None else run.id,
                attempt=None if run is None else max(len(run.attempts) - 1, 0),
            )
        )

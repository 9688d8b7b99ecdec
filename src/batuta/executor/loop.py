"""The executor: takes events, makes steps, commits them together, then sends hints. START HERE.

It holds no rule about flows; those are in `engine`. What it knows is order (commit before effect, one step at
a time per execution) and economy (many executions share one transaction).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import msgspec

from batuta import expr
from batuta.bus.port import AnyHint, ExecutionChanged, JobsWaiting, LogsWritten, StopAttempts
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.draft import Step
from batuta.engine.endings import started_by
from batuta.engine.ledger import Ledger
from batuta.engine.machine import advance
from batuta.engine.outline import outline_of
from batuta.engine.world import World
from batuta.errors import BatutaError, FlowError, StoreError, UnstorableValue
from batuta.executor.admissions import Admissions
from batuta.executor.inbox import ExecutorInbox, Item
from batuta.executor.inline import InlineAttempt, run_inline
from batuta.executor.large_values import LargeValues
from batuta.executor.live import Live
from batuta.executor.plan import NEW_EXECUTION_TIMER, Aftermath, Asked, plan
from batuta.executor.seals import Seals
from batuta.executor.starting import Starting
from batuta.executor.timers import Timers
from batuta.lookups import Lookups
from batuta.model import stored
from batuta.model.execution import Execution
from batuta.model.state import State
from batuta.ports import Ports
from batuta.storage import uris
from batuta.store.batch import Batch

MOST_EVENTS = 256
"""Most events that share a transaction."""
MOST_INLINE = 512
"""Most inline attempts in one transaction; more would keep everybody else waiting."""
MOST_LOOKUPS = 1000
"""Most outside values that one step may ask for."""
RETRY_SECONDS = 1.0
"""Seconds before a commit that the store refused is tried again."""
SWEEP_SECONDS = 5.0
"""Seconds between two looks for what hints missed."""

log = logging.getLogger(__name__)


class Round:
    """One transaction in the making: its rows, whom to tell, and what comes next."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.batch = Batch()
        self.inline_left = MOST_INLINE
        self.stopped: list[str] = []
        self.has_jobs = False
        self.logged: set[str] = set()
        self.changed: dict[str, None] = {}
        self.next: list[Item] = []
        """Items to make steps of once this round is durable."""
        self.slots: dict[str, do.AcquireSlot] = {}
        """Slots asked for, by execution."""
        self.posted: list[on.AnyEvent] = []
        """Events for other executions, kept as rows of this round."""


class Executor:
    """Turns events into committed steps."""

    def __init__(self, ports: Ports, inbox: ExecutorInbox, world: World) -> None:
        self._ports = ports
        self._store = ports.store
        self._clock = ports.clock
        self._inbox = inbox
        self._world = world
        self._lookups = Lookups(ports)
        self._seals = Seals(ports.cipher, world)
        self.live = Live(ports.store, self._seals)
        self._starting = Starting(ports, self.live.flows, self._lookups, world)
        self._large = LargeValues(ports.storage)
        self._timers = Timers(ports.clock, inbox)
        self._admissions = Admissions(ports.store, inbox)
        self._fetching: set[asyncio.Task[None]] = set()
        self.recovered = asyncio.Event()
        """Set once all that an earlier process left is queued; before that no worker may take a job."""

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            await self._recover()
            self.recovered.set()
            group.create_task(self._timers.run(), name="timers")
            group.create_task(self._sweep(), name="sweep")
            async for items in self._inbox.batches(MOST_EVENTS):
                await self._make_round(items)

    async def _make_round(self, items: list[Item]) -> None:
        """Steps for all items, one transaction, then hints."""
        this = Round(items)
        for item in items:
            await self._take(item, this)
        this.batch.posted += this.posted
        try:
            ids = await self._store.commit(this.batch) if this.batch else []
        except UnstorableValue as error:
            self.live.forget(this.changed)
            await self._separate(items, error)
            return
        except StoreError as error:
            log.error("commit refused: %s", error)
            # Memory is ahead of the database: read again what this round touched, and make it again.
            self.live.forget(this.changed)
            self._inbox.give_back([item for item in items if not self._inbox.is_aside(item.execution_id)])
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._timers.cancel(this.batch.cancelled_timers)
        self._timers.set(this.batch.timers)
        for item in this.next:
            self._inbox.push(item)
        for event, posted_id in zip(
            this.posted, ids[-len(this.posted) :] if this.posted else [], strict=True
        ):
            self._inbox.push(Item(event=event, execution_id=event.execution_id, posted_id=posted_id))
        await self._admissions.answer(this.slots, this.batch)
        hints = self._hints(this)
        if hints:
            await self._ports.bus.publish(*hints)

    async def _separate(self, items: list[Item], error: UnstorableValue) -> None:
        """One item of a round has made a row that no database takes: find it, and end its execution."""
        items = [item for item in items if not self._inbox.is_aside(item.execution_id)]
        if len(items) > 1:
            for item in items:
                await self._make_round([item])
            return
        for item in items:
            this = Round([item])
            ledger = await self.live.get(item.execution_id)
            if ledger is not None:
                log.error("a step cannot be stored (execution %s): %s", item.execution_id, error)
                await self._give_up(item, ledger, f"Internal error: {error}", this)
            await self._store.commit(this.batch)
            await self._ports.bus.publish(*self._hints(this))

    def _hints(self, this: Round) -> list[AnyHint]:
        """Whom a durable round concerns. Losing one costs time, never correctness."""
        hints: list[AnyHint] = []
        if this.stopped:
            hints.append(StopAttempts(task_run_ids=tuple(this.stopped)))
        if this.has_jobs:
            hints.append(JobsWaiting())
        for execution_id in this.changed:
            execution = this.batch.executions.get(execution_id)
            settled = execution is not None and execution.settled
            hints.append(ExecutionChanged(execution_id=execution_id, settled=settled))
            if settled:
                self.live.forget([execution_id])
        hints += [LogsWritten(execution_id=execution_id) for execution_id in this.logged]
        return hints

    async def _take(self, item: Item, this: Round) -> None:
        """The step of one item, and of what follows from it at once."""
        if self._inbox.is_aside(item.execution_id):
            # A step of this round asked for an outside value; this one keeps its place behind it.
            self._inbox.set_aside(item)
            return
        if item.timer is not None and item.timer.timer == NEW_EXECUTION_TIMER:
            await self._repeat(item, this)
            return
        ledger = await self.live.get(item.execution_id)
        if ledger is None:
            self._done(item, this)
            return
        waiting = deque([item])
        while waiting:
            item = waiting.popleft()
            try:
                waiting += await self._step(item, ledger, this)
            except expr.MissingFact as missing:
                self._fetch(item, missing.fact, ledger)
                for later in waiting:
                    self._inbox.set_aside(later)
                return
            except FlowError as error:
                # A restart or a replay with a revision that lacks a task of the execution.
                await self._give_up(item, ledger, str(error), this)
            except Exception as error:
                # The border of the loop: a step that cannot be made ends its execution, never the loop or the
                # round.
                log.exception("a step failed (execution %s)", item.execution_id)
                reason = f"Internal error: {type(error).__name__}: {error}"
                await self._give_up(item, ledger, reason, this)

    async def _step(self, item: Item, ledger: Ledger, this: Round) -> list[Item]:
        """Make one step; gives what its own execution has to hear of at once."""
        if item.inline is not None:
            item = self._inline(item.inline, ledger, item.facts, this)
        event = item.event
        assert event is not None
        if isinstance(event, on.ExecutionCreated):
            reason = await self.live.broken(ledger)
            if reason is not None:
                event = on.ExecutionFailed(execution_id=item.execution_id, reason=reason)
        await self._adopt(ledger, this)
        light = await self._large.out_of_event(event, ledger)
        ledger.holds_stored |= light is not event
        before = ledger.execution
        if item.facts is not None:
            self._seals.learn(ledger, item.facts.secrets())
        step = advance(
            ledger,
            self._seals.event(light, ledger),
            now=self._clock.now(),
            world=self._world,
            facts=item.facts,
            concurrency=await self.live.concurrency(ledger),
            quotas=await self.live.quotas(ledger, self._clock.now()),
        )
        if isinstance(event, on.ExecutionCreated) or ledger.execution.outputs is not before.outputs:
            step = await self._lighten(step, ledger)
        if any(run.is_ended and run.memo for run in step.task_runs):
            step = await self._lighten_loops(step, ledger)
        self._done(item, this)
        after = plan(self._seals.step(step, ledger), ledger, this.batch, self._clock.now())
        self._note(ledger, after, this)
        follow: list[Item] = []
        for asked in after.asked:
            answer = await self._answer(asked, ledger, this)
            if answer is not None:
                follow.append(Item(event=answer, execution_id=item.execution_id))
        for command in after.inline:
            result = self._try_inline(command, ledger, this)
            if result is not None:
                follow.append(result)
        return follow

    async def _adopt(self, ledger: Ledger, this: Round) -> None:
        """Give the copy of an execution its own copies of what the original has in storage."""
        if len(ledger.homes) == 1:
            return
        row, runs = await self._large.adopted(ledger)
        if row is not None:
            ledger.replace_execution(row)
            this.batch.executions[row.id] = row
        for run in runs:
            ledger.put(run)
            this.batch.task_runs[ledger.execution.id, run.ordinal] = run
        ledger.homes = ledger.homes[:1]

    async def _lighten(self, step: Step, ledger: Ledger) -> Step:
        """Move what is too large for the execution's row to storage."""
        if stored.is_large(ledger.execution.outputs):
            ledger.replace_execution(self._seals.row(ledger.execution, ledger))
        row = await self._large.out_of_row(ledger)
        if row is None:
            return step
        ledger.replace_execution(row)
        return msgspec.structs.replace(step, execution=row)

    async def _lighten_loops(self, step: Step, ledger: Ledger) -> Step:
        """The same for loops that have ended: what all their iterations gave is together now."""
        runs = [
            await self._large.out_of_run(self._seals.run(run, ledger), ledger)
            if run.is_ended and run.memo and stored.is_large(run.outputs)
            else run
            for run in step.task_runs
        ]
        for before, run in zip(step.task_runs, runs, strict=True):
            if run is not before:
                ledger.put(run)
        return msgspec.structs.replace(step, task_runs=tuple(runs))

    def _done(self, item: Item, this: Round) -> None:
        """The item's step is part of this round: what kept the item goes with it."""
        if item.posted_id is not None:
            this.batch.consumed.append(item.posted_id)
        if item.timer is not None:
            this.batch.elapsed_timers.append(item.timer)
        if item.lines:
            this.batch.logs += item.lines
            this.logged.add(item.execution_id)
        this.batch.metrics += item.metrics
        match item.event:
            case on.TaskRunFinished() | on.TaskRunLost():
                this.batch.ended_jobs.append((item.event.task_run_id, item.event.token))

    def _note(self, ledger: Ledger, after: Aftermath, this: Round) -> None:
        execution_id = ledger.execution.id
        this.changed[execution_id] = None
        this.stopped += after.stopped
        this.has_jobs |= after.has_jobs
        if after.slot is not None:
            this.slots[execution_id] = after.slot
        if after.has_logs:
            this.logged.add(execution_id)

    # Attempts of tasks without input or output

    def _try_inline(self, command: do.RunTask, ledger: Ledger, this: Round) -> Item | None:
        """Make the attempt now, or leave it for the next round."""
        if this.inline_left > 0:
            try:
                return self._inline(command, ledger, None, this)
            except expr.MissingFact:
                pass
        this.next.append(Item(inline=command, execution_id=ledger.execution.id))
        return None

    def _inline(self, command: do.RunTask, ledger: Ledger, facts: expr.Facts | None, this: Round) -> Item:
        this.inline_left -= 1
        if facts is not None:
            self._seals.learn(ledger, facts.secrets())
        attempt = InlineAttempt(
            ledger,
            command,
            world=self._world,
            facts=facts,
            now=self._clock.now(),
            masker=self._seals.masker(ledger),
        )
        event = self._seals.finished(run_inline(attempt, ledger, command), ledger)
        return Item(
            event=event,
            execution_id=ledger.execution.id,
            # The step that follows may ask for the same outside values.
            facts=facts,
            lines=tuple(attempt.lines),
            metrics=tuple(attempt.measurements),
        )

    # Outside values

    def _fetch(self, item: Item, fact: expr.Fact, ledger: Ledger) -> None:
        """Hold the item back until the value is known. Other executions go on meanwhile."""
        self._inbox.set_aside(item)
        task = asyncio.create_task(self._answer_fact(item, fact, ledger.execution))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _answer_fact(self, item: Item, fact: expr.Fact, execution: Execution) -> None:
        facts = item.facts or expr.Facts()
        try:
            if len(facts) >= MOST_LOOKUPS:
                facts = facts.with_error(fact, f"one step may ask for at most {MOST_LOOKUPS} outside values")
            else:
                facts = await self._lookups.answer(
                    fact, facts, namespace=execution.namespace, execution=execution
                )
        except Exception as error:
            # The border to code that reaches outside: the expression gets the reason.
            log.exception("a lookup failed (execution %s)", execution.id)
            facts = facts.with_error(fact, f"{type(error).__name__}: {error}")
        self._inbox.resume(execution.id, facts)

    # Other executions

    async def _answer(
        self,
        command: Asked,
        ledger: Ledger,
        this: Round,
    ) -> on.AnyEvent | None:
        """Do what a step asks of other executions; gives an event that its own execution has to hear of."""
        execution_id = ledger.execution.id
        match command:
            case do.StartSubflow():
                try:
                    child, flow = await self._starting.child(command)
                except BatutaError as error:
                    return on.SubflowRefused(
                        execution_id=execution_id,
                        task_run_id=command.run.id,
                        token=command.run.token,
                        index=command.index,
                        reason=str(error),
                    )
                child = self._seals.row(child, ledger)
                self._begin(child, Ledger(child, outline_of(flow)), this)
                if child.settled:
                    # A check of its flow has failed it.
                    this.posted.append(
                        on.SubflowEnded(
                            execution_id=execution_id,
                            task_run_id=command.run.id,
                            child_id=child.id,
                            index=command.index,
                            state=child.state.current,
                        )
                    )
                return on.SubflowCreated(
                    execution_id=execution_id,
                    task_run_id=command.run.id,
                    token=command.run.token,
                    index=command.index,
                    child_id=child.id,
                )
            case do.StartIteration():
                iteration = self._starting.iteration(ledger.execution, command)
                outline = outline_of(ledger.outline.flow, command.task.id)
                row = self._seals.row(iteration, ledger)
                self._begin(row, Ledger(iteration, outline, outer=ledger), this)
            case do.StoreRows():
                return await self._store_rows(command, ledger)
            case do.RestartSubflow():
                return await self._restart_child(command, execution_id, this)
            case do.StopSubflows():
                for child_id in await self._children(execution_id, command.task_run_id):
                    this.posted.append(on.KillRequested(execution_id=child_id))
            case do.TellPause():
                this.posted.append(
                    on.IterationPaused(
                        execution_id=command.parent_execution_id,
                        task_run_id=command.task_run_id,
                        child_id=command.child_id,
                        index=command.index,
                        paused=command.paused,
                    )
                )
            case do.TellParent():
                outputs, secrets = self._seals.told(command.outputs, ledger)
                this.posted.append(
                    on.SubflowEnded(
                        execution_id=command.parent_execution_id,
                        task_run_id=command.task_run_id,
                        child_id=execution_id,
                        index=command.index,
                        original_id=command.original_id,
                        problem=command.problem,
                        state=command.state,
                        outputs=outputs,
                        secrets=secrets,
                    )
                )
        return None

    async def _store_rows(self, command: do.StoreRows, ledger: Ledger) -> on.AnyEvent:
        """Write a row file; JSON lines are valid Ion."""
        execution, run = ledger.execution, command.run
        uri = uris.task_file(
            execution.namespace, execution.flow_id, execution.id, run.task_id, run.id, "outputs.ion"
        )
        state, outputs = State.SUCCESS, {**command.beside, command.output: uri}
        try:
            await self._ports.storage.put(uri, self._large.rows(command.rows))
        except BatutaError as error:
            log.error("rows of a task run were not stored: %s", error)
            state, outputs = State.FAILED, {}
        return on.TaskRunFinished(
            execution_id=execution.id, task_run_id=run.id, token=run.token, state=state, outputs=outputs
        )

    def _begin(self, execution: Execution, ledger: Ledger, this: Round) -> None:
        this.batch.executions[execution.id] = execution
        this.changed[execution.id] = None
        ledger.replace_execution(self._seals.opened(ledger.execution, [])[0])
        self.live.add(ledger)
        this.next.append(
            Item(event=on.ExecutionCreated(execution_id=execution.id), execution_id=execution.id)
        )

    async def _children(self, execution_id: str, task_run_id: str | None) -> list[str]:
        """Executions that tasks of one started; of a single task run only those that have not ended."""
        stored = await self._store.executions.children(execution_id)
        known = {child.id: child for child in (*stored, *self.live.children(execution_id))}
        return [
            child.id
            for child in known.values()
            if task_run_id is None or (not child.settled and started_by(child) == task_run_id)
        ]

    async def _restart_child(
        self, command: do.RestartSubflow, execution_id: str, this: Round
    ) -> on.AnyEvent | None:
        child = await self.live.get(command.child_id)
        if child is None:
            return on.SubflowRefused(
                execution_id=execution_id,
                task_run_id=command.run.id,
                token=command.run.token,
                index=command.index,
                reason=f"the execution {command.child_id} of the subflow is gone, so it cannot be restarted",
            )
        state = child.execution.state.current
        if child.execution.settled and state.value in ("SUCCESS", "WARNING"):
            outputs, secrets = self._seals.told(child.execution.outputs, child)
            return on.SubflowEnded(
                execution_id=execution_id,
                task_run_id=command.run.id,
                child_id=command.child_id,
                index=command.index,
                state=state,
                outputs=outputs,
                secrets=secrets,
            )
        this.posted.append(on.RestartRequested(execution_id=command.child_id))
        return None

    async def _repeat(self, item: Item, this: Round) -> None:
        """Make the execution that a RETRIED one asked for."""
        retried = await self._store.executions.get(item.execution_id)
        self._done(item, this)
        if retried is None:
            return
        execution = self._starting.repetition(retried)
        if await self._store.executions.get(execution.id) is None:
            flow = await self.live.flows.revision(execution.flow_key, execution.revision)
            loop = execution.loop
            outline = outline_of(flow, None if loop is None else loop.task_id)
            outer = None if loop is None else await self.live.get(loop.execution_id)
            self._begin(execution, Ledger(execution, outline, outer=outer), this)

    # When something went wrong

    async def _give_up(self, item: Item, ledger: Ledger, reason: str, this: Round) -> None:
        """End the execution of a step that could not be made."""
        event = on.ExecutionFailed(execution_id=item.execution_id, reason=reason)
        try:
            step = advance(ledger, event, now=self._clock.now(), world=self._world)
        except Exception:
            # Nothing more can be done for this execution; the row stays as it was for people to look at.
            log.exception("an execution could not be failed (execution %s)", item.execution_id)
            self.live.forget([item.execution_id])
            self._done(item, this)
            return
        self._done(item, this)
        after = plan(self._seals.step(step, ledger), ledger, this.batch, self._clock.now())
        self._note(ledger, after, this)
        for asked in after.asked:
            await self._answer(asked, ledger, this)

    async def _recover(self) -> None:
        """Find everything that was accepted before the process began, and go on with it.

        Only one process uses the store, so whoever held a lease is gone.
        """
        for execution in await self._store.executions.unsettled():
            self._inbox.push(
                Item(event=on.ExecutionLoaded(execution_id=execution.id), execution_id=execution.id)
            )
        for posted in await self._store.events.pending():
            self._inbox.push(
                Item(event=posted.event, execution_id=posted.event.execution_id, posted_id=posted.id)
            )
        for job in await self._store.jobs.of_other_workers(""):
            self._inbox.push(
                Item(
                    event=on.TaskRunLost(
                        execution_id=job.execution_id, task_run_id=job.task_run_id, token=job.token
                    ),
                    execution_id=job.execution_id,
                )
            )
        self._timers.set(await self._store.timers.all())

    async def _sweep(self) -> None:
        """Look for leases that ran out, and for jobs and queues of which nobody was told."""
        while True:
            await self._admissions.offer_everywhere()
            await asyncio.sleep(SWEEP_SECONDS)
            for job in await self._store.jobs.expired(self._clock.now()):
                self._inbox.push(
                    Item(
                        event=on.TaskRunLost(
                            execution_id=job.execution_id, task_run_id=job.task_run_id, token=job.token
                        ),
                        execution_id=job.execution_id,
                    )
                )
            if await self._store.jobs.waiting():
                await self._ports.bus.publish(JobsWaiting())

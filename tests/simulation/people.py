"""What people do meanwhile: start, kill, pause, resume, restart, replay, mark, force, fill past ticks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from batuta.bus.port import FlowSaved, TriggersChanged
from batuta.engine import events as on
from batuta.engine import replaying
from batuta.engine.ledger import Ledger
from batuta.engine.lifecycle import new_execution
from batuta.errors import Outdated, StoreError
from batuta.firing import changes
from batuta.ids import derived_id
from batuta.model.execution import Execution, ExecutionKind
from batuta.model.flow import Flow, FlowRevision
from batuta.model.state import State
from batuta.model.trigger import TriggerRecord
from batuta.store.batch import Batch
from tests.simulation.site import Site

_ENDS = (State.SUCCESS, State.WARNING, State.FAILED)


class People:
    """Some people with one set of wishes."""

    def __init__(self, site: Site, flows: dict[str, Flow], chance: random.Random) -> None:
        self._site = site
        self.flows = flows
        self._chance = chance
        self._count = 0
        self._wishes: dict[Callable[[], Any], int] = {
            self.start: 12,
            self.kill: 3,
            self.resume: 3,
            self.review: 2,
            self.restart: 4,
            self.replay: 3,
            self.pause: 2,
            self.mark: 2,
            self.change_status: 1,
            self.force: 1,
            self.unqueue: 1,
            self.fill: 3,
            self.stop_filling: 1,
        }

    async def save(self, source: str, flow: Flow) -> None:
        """Save the first revision of a flow."""
        revision = FlowRevision(
            namespace=flow.namespace,
            id=flow.id,
            revision=1,
            source=source,
            created_at=self._site.clock.now(),
        )
        await self._site.commit(Batch(flows=[revision]))
        await self._site.bus.publish(FlowSaved(namespace=flow.namespace, flow_id=flow.id))

    async def act(self, times: int, within: float) -> None:
        """Do this and that for a while."""
        for moment in sorted(self._chance.random() * within for _ in range(times)):
            await asyncio.sleep(max(moment - self._site.loop.time(), 0))
            [wish] = self._chance.choices(list(self._wishes), list(self._wishes.values()))
            try:
                await wish()
            except StoreError:
                self._site.note("people were refused")

    # Executions

    async def start(self) -> None:
        """Start some flow."""
        flow = self.flows[self._chance.choice(sorted(self.flows))]
        self._count += 1
        now = self._site.clock.now()
        later = now + timedelta(seconds=self._chance.choice([5, 30])) if self._chance.random() < 0.1 else None
        execution = new_execution(
            flow, id=derived_id("people", self._count), inputs={}, now=now, schedule_at=later
        )
        await self._site.people.accept(
            on.ExecutionCreated(execution_id=execution.id),
            batch=Batch(executions={execution.id: execution}),
        )

    def _some(self, *states: State, ended: bool | None = None) -> Execution | None:
        """An execution that stands like this."""
        found = [
            known.execution
            for known in self._site.checker.known.values()
            if known.execution.kind is not ExecutionKind.LOOP
            and (not states or known.execution.state.current in states)
            and (ended is None or known.execution.is_ended is ended)
        ]
        return self._chance.choice(found) if found else None

    async def _ask(self, event: on.AnyEvent) -> None:
        self._site.note(f"people ask: {event}")
        await self._site.people.accept(event)

    async def kill(self) -> None:
        """Stop an execution."""
        execution = self._some(ended=False)
        if execution is not None:
            cascade = self._chance.random() < 0.8
            await self._ask(on.KillRequested(execution_id=execution.id, cascade=cascade))

    async def resume(self) -> None:
        """Let one go on that is paused."""
        execution = self._some(State.PAUSED)
        if execution is not None:
            await self._ask(on.ResumeRequested(execution_id=execution.id))

    async def review(self) -> None:
        """Decide an approval."""
        execution = self._some(State.PAUSED)
        if execution is not None:
            await self._ask(on.ReviewGiven(execution_id=execution.id, approved=self._chance.random() < 0.6))

    async def restart(self) -> None:
        """Try again what failed."""
        execution = self._some(State.FAILED, State.KILLED, State.PAUSED)
        if execution is not None:
            await self._ask(on.RestartRequested(execution_id=execution.id))

    async def replay(self) -> None:
        """Do it again, from the beginning or from a task run on."""
        execution = self._some(ended=True)
        if execution is None:
            return
        known = self._site.checker.known[execution.id]
        self._count += 1
        new_id, now = derived_id("replay", self._count), self._site.clock.now()
        runs = [run for run in known.runs.values() if run.task_id in known.outline.places]
        batch = Batch()
        if runs and self._chance.random() < 0.5:
            ledger = Ledger(execution, known.outline, [run for _, run in sorted(known.runs.items())])
            row, kept = replaying.replay_from(ledger, self._chance.choice(runs), id=new_id, now=now)
            batch.task_runs |= {(new_id, each.ordinal): each for each in kept}
        else:
            row = replaying.replay(execution, id=new_id, now=now)
        batch.executions[new_id] = row
        await self._site.people.accept(
            on.ExecutionCreated(execution_id=new_id),
            on.ExecutionReplayed(execution_id=execution.id),
            batch=batch,
        )

    async def pause(self) -> None:
        """Let nothing new start."""
        execution = self._some(State.RUNNING)
        if execution is not None:
            await self._ask(on.PauseRequested(execution_id=execution.id))

    async def mark(self) -> None:
        """Say how a task run has ended."""
        execution = self._some(ended=True)
        if execution is None:
            return
        runs = [run for _, run in sorted(self._site.checker.known[execution.id].runs.items()) if run.is_ended]
        if runs:
            run = self._chance.choice(runs)
            await self._ask(
                on.TaskRunMarked(
                    execution_id=execution.id, task_run_id=run.id, state=self._chance.choice(_ENDS)
                )
            )

    async def change_status(self) -> None:
        """Say how an execution counts."""
        execution = self._some(ended=True)
        if execution is not None:
            state = self._chance.choice(_ENDS)
            await self._ask(on.StatusChanged(execution_id=execution.id, state=state))

    async def force(self) -> None:
        """Have one go on whatever holds it."""
        execution = self._some(ended=False)
        if execution is not None:
            await self._ask(on.ForceRunRequested(execution_id=execution.id))

    async def unqueue(self) -> None:
        """Take one out of its queue."""
        execution = self._some(State.QUEUED)
        if execution is not None:
            state = self._chance.choice([State.RUNNING, State.CANCELLED, State.FAILED])
            await self._ask(on.UnqueueRequested(execution_id=execution.id, state=state))

    async def go_on(self) -> None:
        """Let everything go on that waits for people."""
        for known in list(self._site.checker.known.values()):
            execution = known.execution
            if execution.state.current is State.PAUSED:
                await self._ask(on.ResumeRequested(execution_id=execution.id))
                await self._ask(on.ReviewGiven(execution_id=execution.id, approved=True))
            elif execution.state.current is State.BREAKPOINT:
                await self._ask(on.BreakpointResumed(execution_id=execution.id))

    # Triggers

    async def fill(self) -> None:
        """Start what a schedule would have started before there was one."""
        now = self._site.clock.now()
        self._count += 1
        start = datetime(2026, 2, 1, tzinfo=now.tzinfo) + timedelta(minutes=self._count * 60)
        end = start + timedelta(seconds=self._chance.choice([0, 50, 150]))

        def change(record: TriggerRecord) -> TriggerRecord:
            return changes.backfilled(
                record, id=f"b{self._count}", start=start, end=end, inputs={}, labels=(), now=now
            )

        await self._change(change)

    async def stop_filling(self) -> None:
        """Hold a backfill back, let it go on, or give it up."""
        now = self._site.clock.now()
        choice = self._chance.choice(["pause", "go on", "give up"])

        def change(record: TriggerRecord) -> TriggerRecord:
            if record.backfill is None:
                return record
            if choice == "give up":
                return changes.without_backfill(record, now=now)
            return changes.paused(record, now=now, on=choice == "pause")

        await self._change(change)

    async def wind_up(self) -> None:
        """Let every backfill go on, and switch off each schedule that has none."""
        now = self._site.clock.now()
        for record in self._site.checker.ticks.records():
            if record.backfill is None and not record.disabled:
                await self._change(lambda found: changes.switched(found, disabled=True, now=now), record)
            elif record.backfill is not None and record.backfill.paused:
                await self._change(lambda found: changes.paused(found, now=now, on=False), record)

    async def _change(
        self, change: Callable[[TriggerRecord], TriggerRecord], record: TriggerRecord | None = None
    ) -> None:
        records = self._site.checker.ticks.records()
        if record is None:
            if not records:
                return
            record = self._chance.choice(records)
        changed = change(record)
        if changed is record:
            return
        try:
            await self._site.commit(Batch(triggers=[changed]))
        except Outdated:
            return
        left = None if changed.backfill is None else changed.backfill.id
        if record.backfill is not None and record.backfill.id != left:
            self._site.checker.ticks.gave_up(record.key, record.backfill)
        await self._site.bus.publish(TriggersChanged())

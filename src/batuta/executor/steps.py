"""Makes one step of one execution, as rows of a round."""

from __future__ import annotations

import logging

import msgspec

from batuta import expr
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.draft import Step
from batuta.engine.ledger import Ledger
from batuta.engine.machine import advance
from batuta.engine.world import World
from batuta.executor.inbox import Item
from batuta.executor.inline import InlineAttempt, run_inline
from batuta.executor.large_values import LargeValues
from batuta.executor.live import Live
from batuta.executor.plan import plan
from batuta.executor.relatives import Relatives
from batuta.executor.round import Round
from batuta.executor.seals import Seals
from batuta.model import stored
from batuta.ports import Ports

log = logging.getLogger(__name__)


class Steps:
    """The engine's `advance`, with what it may not do itself: secrets, large values, other executions."""

    def __init__(
        self, ports: Ports, world: World, live: Live, seals: Seals, large: LargeValues, relatives: Relatives
    ) -> None:
        self._clock = ports.clock
        self._world = world
        self._live = live
        self._seals = seals
        self._large = large
        self._relatives = relatives

    async def make(self, item: Item, ledger: Ledger, this: Round) -> list[Item]:
        """Make one step; gives what its own execution has to hear of at once."""
        if item.inline is not None:
            item = self._inline(item.inline, ledger, item.facts, this)
        event = item.event
        assert event is not None
        if isinstance(event, on.ExecutionCreated):
            reason = await self._live.broken(ledger)
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
            concurrency=await self._live.concurrency(ledger),
            quotas=await self._live.quotas(ledger, self._clock.now()),
        )
        if isinstance(event, on.ExecutionCreated) or ledger.execution.outputs is not before.outputs:
            step = await self._lighten(step, ledger)
        if any(run.is_ended and run.memo for run in step.task_runs):
            step = await self._lighten_loops(step, ledger)
        this.take_in(item)
        after = plan(self._seals.step(step, ledger), ledger, this.batch, self._clock.now())
        this.note(ledger.execution.id, after)
        follow: list[Item] = []
        for asked in after.asked:
            answer = await self._relatives.answer(asked, ledger, this)
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

    async def give_up(self, item: Item, ledger: Ledger, reason: str, this: Round) -> None:
        """End the execution of a step that could not be made."""
        event = on.ExecutionFailed(execution_id=item.execution_id, reason=reason)
        try:
            step = advance(ledger, event, now=self._clock.now(), world=self._world)
        except Exception:
            # Nothing more can be done for this execution; the row stays as it was for people to look at.
            log.exception("an execution could not be failed (execution %s)", item.execution_id)
            self._live.forget([item.execution_id])
            this.take_in(item)
            return
        this.take_in(item)
        after = plan(self._seals.step(step, ledger), ledger, this.batch, self._clock.now())
        this.note(ledger.execution.id, after)
        for asked in after.asked:
            await self._relatives.answer(asked, ledger, this)

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

"""Random flows under random legal events, watched at every step; everything follows from one seed."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise
from typing import Any

from batuta import flows, ids
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine import replaying
from batuta.engine.ledger import Ledger
from batuta.model.execution import Execution, ExecutionKind, TaskRun
from batuta.model.flow import ConcurrencyBehavior, FlowKey
from batuta.model.state import EXECUTION_TRANSITIONS, TASK_RUN_TRANSITIONS, Moment, State
from batuta.testing.run import Outcome, Simulation
from tests.simulation import order, random_flows
from tests.simulation.checker import miscounted
from tests.simulation.model import Known, short
from tests.simulation.work import NAME as WORK

_ENDS = [State.SUCCESS, State.SUCCESS, State.FAILED, State.WARNING]
_BY_HAND = [State.SUCCESS, State.FAILED, State.WARNING, State.KILLED, State.CANCELLED]
_MAY_LEAVE_AN_END = (on.RestartRequested, on.TaskRunMarked, on.StatusChanged)
_MOST_ROUNDS = 400


class Watched(Simulation):
    """A simulation that compares every step with what was before it."""

    def __init__(self, *sources: str, held: dict[str, Any]) -> None:
        super().__init__(*sources, given=held)
        self.known: dict[str, Known] = {}
        self.dispatched: set[tuple[str, int]] = set()
        self.steps = 0

    def _run(self, ledger: Ledger, command: do.RunTask) -> None:
        key = (command.run.id, command.run.token)
        assert key not in self.dispatched, f"{key} was handed over twice"
        self.dispatched.add(key)
        super()._run(ledger, command)

    def release(self, task_run_id: str, outcome: Any = State.SUCCESS) -> None:
        """Let a held attempt end; one whose run a restart took away ends unheard."""
        if any(task_run_id in ledger.runs for ledger in self.ledgers.values()):
            super().release(task_run_id, outcome)
        else:
            del self.held[task_run_id]

    def _repeat(self, ledger: Ledger, command: do.CreateExecution) -> None:
        """Tries of their own begin at once: what a later one does is not told from an earlier one's."""
        execution = replaying.repetition(
            ledger.execution,
            id=ids.derived_id(ledger.execution.id, "retry", ledger.execution.attempt_number),
            now=self.now,
        )
        self.ledgers[execution.id] = Ledger(execution, ledger.outline, outer=ledger.outer)
        self._after(command.at, on.ExecutionCreated(execution_id=execution.id))

    def _step(self, ledger: Ledger, event: on.AnyEvent) -> None:
        known = self._known_of(ledger)
        known.was_asked(event)
        super()._step(ledger, event)
        self.steps += 1
        self._compare_execution(known, ledger.execution, event)
        self._compare_runs(known, ledger)
        self._count_slots(ledger.execution.flow_key)

    def _known_of(self, ledger: Ledger) -> Known:
        execution = ledger.execution
        known = self.known.get(execution.id)
        if known is None:
            known = self.known[execution.id] = Known(execution, ledger.outline.flow)
            known.runs = {run.ordinal: run for run in ledger.runs.values()}
            # A replay from the middle goes on where its source had come to, whatever the limit says.
            known.was_permitted = known.bypasses = execution.state.current is State.RESTARTED
        return known

    def _compare_execution(self, known: Known, execution: Execution, event: on.AnyEvent) -> None:
        before, after = known.execution.state.moments, execution.state.moments
        assert after[: len(before)] == before, f"a history was rewritten: {_text(before)} to {_text(after)}"
        for a, b in pairwise(after[len(before) - 1 :]):
            assert b.state in EXECUTION_TRANSITIONS[a.state], f"{a.state} to {b.state}"
        if before[-1].state.is_ended and after != before:
            assert isinstance(event, _MAY_LEAVE_AN_END), f"{before[-1].state} was left because of {event}"
        known.execution = execution

    def _compare_runs(self, known: Known, ledger: Ledger) -> None:
        present = {run.ordinal: run for run in ledger.runs.values()}
        fresh = []
        for ordinal, run in present.items():
            old = known.runs.get(ordinal)
            if old is run:
                continue
            before = run.state.moments[:1] if old is None else old.state.moments
            after = run.state.moments
            if after[: len(before)] != before:
                assert _is_reset(known, run), f"{run.task_id}: {_text(before)} to {_text(after)}"
                before = after[:1]
            for a, b in pairwise(after[len(before) - 1 :]):
                assert b.state in TASK_RUN_TRANSITIONS[a.state], f"{run.task_id}: {a.state} to {b.state}"
                may = known.was_permitted or b.state in (State.RETRYING, State.RETRIED)
                assert may or not a.state.is_ended, f"{run.task_id}: {a.state} to {b.state} unasked"
            assert old is None or run.token >= old.token
            if old is None:
                fresh.append(run)
        known.runs = present
        for run in fresh:
            for reason in order.too_early(known, run):
                raise AssertionError(f"{run.task_id} began too early: {reason}")
            complaint = order.too_many(known, run.parent_id)
            assert complaint is None, f"{run.task_id}: {complaint}"

    def _count_slots(self, key: FlowKey) -> None:
        limit = self.flows[key].concurrency
        if limit is None:
            return
        running = [each for each in self.running(key) if not self._known_of(self.ledgers[each]).bypasses]
        assert len(running) <= limit.limit, f"{len(running)} run, {limit.limit} may"

    def check_at_rest(self) -> None:
        """While nothing moves: indexes equal a recount, and no slot is free that somebody waits for."""
        for ledger in self.ledgers.values():
            for complaint in miscounted(ledger):
                raise AssertionError(complaint)
        for key, flow in self.flows.items():
            limit = flow.concurrency
            if limit is not None and limit.behavior is ConcurrencyBehavior.QUEUE and self.queued(key):
                assert len(self.running(key)) >= limit.limit, f"{key} has free slots and a queue"

    def check_at_end(self) -> None:
        """All is over, as it is specified."""
        self.check_at_rest()
        for known in self.known.values():
            assert known.execution.settled, f"{known.execution.flow_id} is {known.execution.state.current}"
            for run in known.runs.values():
                assert run.is_ended, f"{run.task_id} is {run.state.current}, its execution is over"
            alone = known.asked <= {"ExecutionCreated", *_OF_ITSELF} and not known.was_permitted
            if alone and not known.outline.slas:
                for complaint in order.wrong_end(known):
                    raise AssertionError(complaint)


_OF_ITSELF = {
    each.__name__
    for each in (
        on.TaskRunStarted, on.TaskRunFinished, on.TaskRunLost, on.SubflowCreated, on.SubflowEnded,
        on.DelayElapsed, on.ResumeRequested, on.ReviewGiven, on.SlotGranted, on.SlotRefused, on.SlotOffered,
        on.ExecutionLoaded, on.ExecutionReplayed,
    )
}  # fmt: skip
"""Events after which an execution still ends as its flow says."""


def _is_reset(known: Known, run: TaskRun) -> bool:
    task = known.task(run)
    return task is not None and short(task.type) == "LoopUntil"


def _text(moments: tuple[Moment, ...]) -> str:
    return " ".join(moment.state for moment in moments)


class Example:
    """One flow, a child that it may start, some executions, and what happens to them."""

    def __init__(self, seed: int) -> None:
        self._chance = chance = random.Random(seed)
        depth = chance.choice([1, 1, 2])
        documents = [
            random_flows.document(chance, "f", children=("child",), depth=depth),
            random_flows.document(chance, "child", depth=0, rests=False),
        ]
        self.world = Watched(
            *map(random_flows.source, documents),
            held={task: Outcome(held=True) for task in _works(documents)},
        )

    def play(self) -> Watched:
        """Let everything happen, then let everything end."""
        chance = self._chance
        for _ in range(chance.choice([1, 1, 2, 3])):
            self.world.start()
        for _ in range(chance.choice([0, 2, 4, 8, 12])):
            getattr(self, chance.choices(_ACTIONS, _WEIGHTS)[0])()
            if chance.random() < 0.3:
                self.world.check_at_rest()
        self.finish()
        return self.world

    def finish(self) -> None:
        """Let everything end that can."""
        world = self.world
        for _ in range(_MOST_ROUNDS):
            if world.held:
                world.release(min(world.held))
                continue
            waiting = [each for each in world.ledgers.values() if not each.execution.settled]
            if not waiting:
                break
            world.move(_seconds(2))
            for ledger in waiting:
                if ledger.execution.state.current is State.PAUSED:
                    world.send(on.ResumeRequested(execution_id=ledger.execution.id))
                    world.send(on.ReviewGiven(execution_id=ledger.execution.id, approved=True))
        world.check_at_end()

    # What may happen

    def _some(self, *, ended: bool | None = None) -> Ledger | None:
        found = [
            ledger
            for ledger in self.world.ledgers.values()
            if (ended is None or ledger.execution.is_ended is ended)
            and ledger.execution.kind is not ExecutionKind.LOOP
        ]
        return self._chance.choice(found) if found else None

    def release(self) -> None:
        """A worker ends an attempt."""
        if self.world.held:
            self.world.release(self._chance.choice(sorted(self.world.held)), self._chance.choice(_ENDS))

    def lose(self) -> None:
        """A worker is gone."""
        if self.world.held:
            self._lose(self._chance.choice(sorted(self.world.held)))

    def _lose(self, run_id: str) -> None:
        command = self.world.held.pop(run_id, None)
        if command is not None:
            ledger = next((each for each in self.world.ledgers.values() if run_id in each.runs), None)
            self._send(ledger, on.TaskRunLost, task_run_id=run_id, token=command.run.token)

    def repeat(self) -> None:
        """A word comes again, or with an old token."""
        ledger = self._some()
        if ledger is None or not ledger.runs:
            return
        run = self._chance.choice(list(ledger.runs.values()))
        token = run.token - 1 if not run.is_ended else self._chance.choice([run.token, run.token - 1])
        self.world.send(
            on.TaskRunFinished(
                execution_id=ledger.execution.id, task_run_id=run.id, token=token, state=State.SUCCESS
            )
        )

    def crash(self) -> None:
        """The program begins anew: memory is gone, and so are the workers."""
        for ledger in list(self.world.ledgers.values()):
            fresh = Ledger(ledger.execution, ledger.outline, ledger.runs.values(), outer=ledger.outer)
            fresh.parts = ledger.parts
            self.world.ledgers[ledger.execution.id] = fresh
        for ledger in list(self.world.ledgers.values()):
            if not ledger.execution.settled:
                self.world.send(on.ExecutionLoaded(execution_id=ledger.execution.id))
        for run_id in sorted(self.world.held):
            self._lose(run_id)

    def move(self) -> None:
        """Time passes."""
        self.world.move(_seconds(self._chance.choice([1, 2, 15])))

    def _send(self, ledger: Ledger | None, kind: Any, **given: Any) -> None:
        if ledger is not None:
            self.world.send(kind(execution_id=ledger.execution.id, **given))

    def kill(self) -> None:
        """Somebody stops an execution."""
        self._send(self._some(ended=False), on.KillRequested, cascade=self._chance.random() < 0.8)

    def resume(self) -> None:
        """Somebody lets one go on."""
        self._send(self._some(ended=False), on.ResumeRequested)

    def review(self) -> None:
        """Somebody decides an approval."""
        self._send(self._some(ended=False), on.ReviewGiven, approved=self._chance.random() < 0.6)

    def pause(self) -> None:
        """Somebody lets nothing new start."""
        self._send(self._some(ended=False), on.PauseRequested)

    def restart(self) -> None:
        """Somebody has what failed tried again."""
        self._send(self._some(), on.RestartRequested)

    def force(self) -> None:
        """Somebody has one go on whatever holds it."""
        self._send(self._some(ended=False), on.ForceRunRequested)

    def unqueue(self) -> None:
        """Somebody takes one out of its queue."""
        self._send(self._some(ended=False), on.UnqueueRequested, state=State.RUNNING)

    def mark(self) -> None:
        """Somebody says how a task run has ended."""
        ledger = self._some(ended=True)
        runs = [] if ledger is None else [run for run in ledger.runs.values() if run.is_ended]
        if runs:
            run = self._chance.choice(runs)
            self._send(ledger, on.TaskRunMarked, task_run_id=run.id, state=self._chance.choice(_BY_HAND))

    def change_status(self) -> None:
        """Somebody says how an execution counts."""
        self._send(self._some(ended=True), on.StatusChanged, state=self._chance.choice(_BY_HAND))

    def replay(self) -> None:
        """Somebody does it again, from the beginning or from the middle."""
        ledger = self._some(ended=True)
        if ledger is None:
            return
        new_id, now = ids.derived_id("replay", len(self.world.ledgers)), self.world.now
        runs = list(ledger.runs.values())
        if runs and self._chance.random() < 0.6:
            row, kept = replaying.replay_from(ledger, self._chance.choice(runs), id=new_id, now=now)
        else:
            row, kept = replaying.replay(ledger.execution, id=new_id, now=now), []
        self.world.ledgers[new_id] = Ledger(row, ledger.outline, kept)
        self.world.send(on.ExecutionCreated(execution_id=new_id))


_ACTIONS = [
    "release", "lose", "repeat", "crash", "move", "kill", "resume", "review", "pause", "restart", "force",
    "unqueue", "mark", "change_status", "replay",
]  # fmt: skip
_WEIGHTS = [12, 2, 2, 1, 4, 2, 2, 2, 1, 3, 1, 1, 2, 1, 2]


def _works(documents: Any) -> list[str]:
    """Ids of all tasks that a worker runs."""
    found = []
    for document in documents:
        flow = flows.parse(random_flows.source(document))
        found += [task.id for task in flow.walk() if task.type == WORK]
    return found


def _seconds(count: float) -> Any:
    return timedelta(seconds=count)

"""Known bugs, to be switched on one at a time: proof that the checker would see them.

Each replaces one piece of the program by a wrong one, for the length of a block. The pieces are those that a
careless change would break: a condition left out, a row not written, an order not kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import msgspec
from msgspec.structs import replace

from batuta.engine import attempts, endings, machine
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.draft import Draft, Step
from batuta.engine.flowables import dag
from batuta.engine.ledger import Ledger
from batuta.engine.outline import FINALLY
from batuta.executor import plan, steps
from batuta.executor.admissions import Admissions
from batuta.model.execution import TaskRun
from batuta.model.state import State
from batuta.scheduler import planning
from batuta.store.sqlite import work as sqlite_work


class Bug(msgspec.Struct, frozen=True):
    """A wrong piece, and what the checker says to it."""

    name: str
    switched_on: Callable[[], Any]
    """A context in which the program has the bug."""
    complaint: str
    """A regular expression for one of the complaints."""


BUGS: list[Bug] = []


def bug(complaint: str) -> Callable[[Callable[[], Iterable[Any]]], Any]:
    """Register a function that gives the patches of a bug."""

    def register(patches: Callable[[], Iterable[Any]]) -> Any:
        @contextmanager
        def switched_on() -> Iterator[None]:
            with ExitStack() as stack:
                for each in patches():
                    stack.enter_context(each)
                yield

        BUGS.append(Bug(patches.__name__, switched_on, complaint))
        return patches

    return register


def _every(count: int) -> Callable[[], bool]:
    """True at each so manieth call."""
    calls = itertools.count(1)
    return lambda: next(calls) % count == 0


def _steps(change: Callable[[Ledger, on.AnyEvent, Callable[[], Step]], Step]) -> Any:
    """A patch of the executor's steps."""
    true = steps.advance

    def wrong(ledger: Ledger, event: on.AnyEvent, **given: Any) -> Step:
        return change(ledger, event, lambda: true(ledger, event, **given))

    return patch.object(steps, "advance", wrong)


@bug("is RUNNING|is SUBMITTED|does not come to rest")
def a_result_is_lost() -> Iterable[Any]:
    """The executor takes a result off the list, and makes no step of it."""
    unlucky = _every(5)

    def change(ledger: Ledger, event: on.AnyEvent, step: Callable[[], Step]) -> Step:
        if isinstance(event, on.TaskRunFinished) and "performance" in (event.outputs or {}) and unlucky():
            return Step(execution=None, task_runs=(), removed=(), commands=())
        return step()

    yield _steps(change)


@bug("took the result of token|successful attempts")
def a_stale_token_is_accepted() -> Iterable[Any]:
    """The word of a worker that lost its lease counts."""

    def current(draft: Draft, task_run_id: str, token: int) -> TaskRun | None:
        run = draft.ledger.run(task_run_id)
        return None if run is None or run.is_ended else run

    yield patch.object(attempts, "_current", current)


@bug("successful attempts, . were reported")
def a_result_is_applied_twice() -> Iterable[Any]:
    """A repeated result ends its run once more."""

    def current(draft: Draft, task_run_id: str, token: int) -> TaskRun | None:
        run = draft.ledger.run(task_run_id)
        return None if run is None or run.token != token else run

    def finish_attempt(draft: Draft, run: TaskRun, state: State, outputs: dict[str, Any] | None) -> None:
        if run.is_ended and state is State.SUCCESS:
            draft.move(run, run.state.current, attempts=(*run.attempts, run.attempts[-1]))
        elif not run.is_ended:
            endings.finish_attempt(draft, run, state, outputs)

    def finished(draft: Draft, event: on.TaskRunFinished) -> None:
        run = current(draft, event.task_run_id, event.token)
        if run is not None and run.state.current is State.SUCCESS and "performance" in (event.outputs or {}):
            finish_attempt(draft, run, event.state, event.outputs)
        else:
            true(draft, event)

    true = attempts.finished
    yield patch.object(attempts, "finished", finished)


@bug("executions of .* run, . may")
def a_slot_too_many_is_granted() -> Iterable[Any]:
    """Off by one."""
    true = plan.SlotRequest
    yield patch.object(plan, "SlotRequest", lambda execution_id, limit: true(execution_id, limit + 1))


@bug("is QUEUED")
def a_slot_is_leaked() -> Iterable[Any]:
    """What becomes free is offered to nobody."""

    async def nothing(self: Admissions, *_: Any) -> None:
        return None

    yield patch.object(Admissions, "_offer", nothing)


@bug("the tick .* started twice")
def a_tick_is_doubled() -> Iterable[Any]:
    """A tick has another name each time that it is looked at, and the record does not move on."""
    count = itertools.count()
    unlucky = _every(3)
    true_name, true_decide = planning.occasion_of, planning.decide

    def decide(record: Any, schedule: Any, now: Any) -> Any:
        decision = true_decide(record, schedule, now)
        if decision.tick is None or decision.series or not unlucky():
            return decision
        return replace(decision, record=replace(decision.record, next_at=record.next_at))

    yield patch.object(planning, "occasion_of", lambda decision: f"{true_name(decision)}/{next(count)}")
    yield patch.object(planning, "decide", decide)


@bug("ticks of .* are missing")
def a_tick_is_left_out() -> Iterable[Any]:
    """The record moves on by two ticks."""
    unlucky = _every(3)
    true = planning.decide

    def decide(record: Any, schedule: Any, now: Any) -> Any:
        decision = true(record, schedule, now)
        if decision.tick is None or decision.series or not unlucky():
            return decision
        after = schedule.filtered.next_after(decision.record.next_at)
        return replace(decision, record=replace(decision.record, next_at=after))

    yield patch.object(planning, "decide", decide)


@bug("does not come to rest|is RUNNING")
def a_parent_is_not_told() -> Iterable[Any]:
    """A child has ended, and keeps it to itself."""

    def change(ledger: Ledger, event: on.AnyEvent, step: Callable[[], Step]) -> Step:
        made = step()
        kept = tuple(each for each in made.commands if not isinstance(each, do.TellParent))
        return replace(made, commands=kept)

    yield _steps(change)


@bug("began . times|ended twice")
def a_job_is_claimed_twice() -> Iterable[Any]:
    """A job that somebody has is given away once more."""
    unlucky = _every(4)
    true = sqlite_work.SqliteJobs.claim

    async def claim(self: Any, worker_id: str, most: int, until: Any) -> list[Any]:
        jobs = await true(self, worker_id, most, until)
        if jobs and unlucky():
            free = "UPDATE jobs SET worker_id = NULL WHERE task_run_id = ?"
            self._access.db.execute(free, (jobs[0].task_run_id,))
        return jobs

    yield patch.object(sqlite_work.SqliteJobs, "claim", claim)


@bug("does not come to rest|is RUNNING|is PAUSED")
def accepted_events_are_forgotten() -> Iterable[Any]:
    """After a restart nobody reads what was accepted before."""

    async def pending(self: Any) -> list[Any]:
        return []

    yield patch.object(sqlite_work.SqliteEvents, "pending", pending)


@bug("does not come to rest|is RETRYING|is PAUSED")
def timers_are_forgotten() -> Iterable[Any]:
    """After a restart nobody reads the timers."""

    async def every(self: Any) -> list[Any]:
        return []

    yield patch.object(sqlite_work.SqliteTimers, "all", every)


@bug("of `finally` ran 0 times")
def finally_is_left_out_after_a_failure() -> Iterable[Any]:
    """A branch is chosen wrongly."""
    true = machine.selected

    def selected(ledger: Any, parent_id: Any, task_id: Any, main: Any) -> Any:
        branch = true(ledger, parent_id, task_id, main)
        return None if branch == FINALLY and main.failed else branch

    yield patch.object(machine, "selected", selected)


@bug("it depends on|began too early")
def a_dependency_is_not_waited_for() -> Iterable[Any]:
    """A Dag starts everything at once."""
    yield patch.object(dag, "_has_ended", lambda scope, task_id: True)


@bug("children under way, . allowed")
def a_parallel_forgets_its_limit() -> Iterable[Any]:
    """More children than `concurrent` allows."""
    yield patch.object(dag, "room_for", lambda concurrent, scope: 99)


@bug("the index `open_leaves`|counters below")
def an_index_is_not_kept() -> Iterable[Any]:
    """A run that ended stays in the list of those under way."""
    true = Ledger._watch

    def watch(self: Ledger, run: TaskRun) -> None:
        if not run.is_ended:
            true(self, run)

    yield patch.object(Ledger, "_watch", watch)


@bug("left .* for RESTARTED unasked|does not come to rest")
def an_execution_restarts_by_itself() -> Iterable[Any]:
    """A repeated result of an execution that failed makes it begin again."""

    def change(ledger: Ledger, event: on.AnyEvent, step: Callable[[], Step]) -> Step:
        made = step()
        execution = made.execution
        if execution is None or execution.state.current is not State.FAILED or not execution.settled:
            return made
        moments = execution.state.to(State.RESTARTED, execution.state.changed_at)
        moments = moments.to(State.FAILED, execution.state.changed_at)
        ledger.replace_execution(replace(execution, state=moments))
        return replace(made, execution=ledger.execution)

    yield _steps(change)

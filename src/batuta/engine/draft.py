"""One step on its way: changes made to a ledger, commands collected, and the way back if it fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import msgspec

from batuta import expr, ids
from batuta.engine.commands import AnyCommand, SetTimer, WriteLog
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger, Undo
from batuta.engine.rules import QuotaUse
from batuta.engine.world import Chance, World
from batuta.errors import Bug
from batuta.model.execution import Attempt, Execution, TaskRun
from batuta.model.flow import Concurrency
from batuta.model.state import EXECUTION_TRANSITIONS, History, Moment, State
from batuta.model.task import LogLevel, Task

GROWTH_TIMER = "growth"
MOST_STARTS = 256
"""Most children that a loop starts in one step."""

_C = TypeVar("_C")


MOST_OF_PROBLEM = 2_000
"""Characters that are kept of the reason of a failure."""


class Step(msgspec.Struct, frozen=True):
    """The result of one event: the rows that changed, and what to do about it."""

    execution: Execution | None
    """The execution's row, if it changed."""
    task_runs: tuple[TaskRun, ...]
    removed: tuple[int, ...]
    """Ordinals of task runs that are no more."""
    commands: tuple[AnyCommand, ...]
    parts: dict[tuple[int, str], Any] = {}
    """What runs keep beside their rows, by ordinal and name."""
    dropped_parts: tuple[int, ...] = ()
    """Ordinals of runs that keep none of their earlier parts."""


class Draft:
    """Changes of one step. Rules read the ledger and write through here."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        now: datetime,
        facts: expr.Facts | None,
        world: World,
        concurrency: Concurrency | None = None,
        quotas: tuple[QuotaUse, ...] = (),
    ) -> None:
        self.ledger = ledger
        self.now = now
        self.facts = facts
        self.world = world
        self.concurrency = concurrency
        self.quotas = quotas
        self.commands: list[AnyCommand] = []
        self._dirty: dict[str | None, TaskRun | None] = {}
        self._queue: deque[str | None] = deque()
        self._before = ledger.execution
        self._changed: dict[str, None] = {}
        self._removed: list[int] = []
        self._parts: dict[tuple[int, str], Any] = {}
        self._dropped_parts: list[int] = []
        self._undo: list[Undo] = []
        self._chance = Chance(
            f"{ledger.execution.id}/{ledger.execution.next_ordinal}/{now.timestamp()}", world.options(now)
        )

    # What rules read

    @property
    def execution(self) -> Execution:
        """The execution's row as it stands in this step."""
        return self.ledger.execution

    @property
    def before(self) -> Execution:
        """The execution's row as it was before this step."""
        return self._before

    @property
    def state(self) -> State:
        """The execution's state as it stands in this step."""
        return self.ledger.execution.state.current

    def names(self, run: TaskRun | None = None, **extra: Any) -> Names:
        """What expressions see."""
        return Names(self.ledger, self.world, run, extra)

    def render(self, template: str, run: TaskRun | None = None, **extra: Any) -> str | None:
        """Render a template in the context of a run, or of the execution."""
        if not expr.is_template(template):
            return str(template)
        return expr.render(template, self.names(run, **extra), self.facts, self._chance.options())

    def render_deep(self, value: Any, run: TaskRun | None = None) -> Any:
        """Render every text in a value."""
        return expr.render_deep(value, self.names(run), self.facts, self._chance.options())

    def form(self, run: TaskRun) -> Any:
        """The run form of a run that the engine looks after; built once, kept while it is under way."""
        forms = self.ledger.forms
        if run.id not in forms:
            task = self.ledger.outline.place(run.task_id).task
            forms[run.id] = self.ledger.outline.form(task).build(lambda text: self.render(text, run))
        return forms[run.id]

    # What rules write

    def put(self, run: TaskRun) -> TaskRun:
        """Add or replace a run."""
        self._undo.append(self.ledger.put(run))
        self._changed[run.id] = None
        return run

    def create(
        self,
        task: Task,
        *,
        parent_id: str | None,
        value: str | None = None,
        iteration: int | None = None,
        run_id: str | None = None,
    ) -> TaskRun:
        """A new run in the state CREATED, at the end of the list; `run_id` where somebody else knows it
        already."""
        execution = self.execution
        ordinal = execution.next_ordinal
        self.change_execution(next_ordinal=ordinal + 1)
        return self.put(
            TaskRun(
                id=run_id or ids.derived_id(execution.id, ordinal),
                ordinal=ordinal,
                task_id=task.id,
                state=History.starting(self.now),
                parent_id=parent_id,
                value=value,
                iteration=iteration,
            )
        )

    def move(self, run: TaskRun, *states: State, **changes: Any) -> TaskRun:
        """Append states to a run's history, and change other members with them."""
        history = run.state
        for state in states:
            history = history.to(state, self.now)
        return self.put(msgspec.structs.replace(run, state=history, **changes))

    def remove(self, runs: list[TaskRun]) -> None:
        """Take runs out of the execution."""
        if runs:
            self._removed += [run.ordinal for run in runs]
            for run in runs:
                self._changed.pop(run.id, None)
            self._undo.append(self.ledger.remove([run.id for run in runs]))

    def keep_part(self, run: TaskRun, name: str, value: Any) -> None:
        """Keep something beside the run's row that changes seldom and may be large, or is one of many."""
        parts = self.ledger.parts.setdefault(run.id, {})
        if name in parts:
            before = parts[name]
            self._undo.append(lambda: parts.__setitem__(name, before))
        else:
            self._undo.append(lambda: parts.pop(name, None))
        parts[name] = value
        self._parts[run.ordinal, name] = value

    def drop_parts(self, run: TaskRun) -> None:
        """Forget what the run kept beside its row."""
        parts = self.ledger.parts.pop(run.id, None)
        if parts is not None:
            self._undo.append(lambda: self.ledger.parts.__setitem__(run.id, parts))
        self._parts = {key: value for key, value in self._parts.items() if key[0] != run.ordinal}
        self._dropped_parts.append(run.ordinal)

    def change_execution(self, **changes: Any) -> None:
        """Change members of the execution's row."""
        self._undo.append(self.ledger.replace_execution(msgspec.structs.replace(self.execution, **changes)))

    def move_execution(self, *states: State, **changes: Any) -> None:
        """Append states to the execution's history, and change other members with them."""
        history = self.execution.state
        for state in states:
            if state is not history.current and state not in EXECUTION_TRANSITIONS[history.current]:
                raise Bug(
                    f"an execution cannot go from {history.current} to {state}", where=self.execution.id
                )
            history = history.to(state, self.now)
        self.change_execution(state=history, **changes)

    def command(self, command: AnyCommand) -> None:
        """Ask for something to be done after the commit."""
        self.commands.append(command)

    def log(self, level: LogLevel, message: str, run: TaskRun | None = None) -> None:
        """Add a line to the execution's log."""
        self.commands.append(WriteLog(level=level, message=message, run=run))

    def grow(self, run: TaskRun, children: Iterator[_C]) -> list[_C]:
        """As many of a loop's new children as one step may start; the next step comes for the others.

        So a loop over very many values neither holds everybody else up, nor is in memory twice.
        """
        growing = self.ledger.growing
        if run.id in growing:
            return []
        found = list(islice(children, MOST_STARTS))
        if len(found) == MOST_STARTS:
            growing.add(run.id)
            self._undo.append(lambda: growing.discard(run.id))
            self.command(SetTimer(timer=GROWTH_TIMER, at=self.now, task_run_id=run.id, token=run.token))
        return found

    def grow_on(self, run: TaskRun) -> None:
        """The next step of a loop that starts very many children has come."""
        growing = self.ledger.growing
        if run.id in growing:
            growing.discard(run.id)
            self._undo.append(lambda: growing.add(run.id))
        self.touch(run.id, run)

    def touch(self, parent_id: str | None, changed: TaskRun | None = None) -> None:
        """Have a parent looked at (None is the flow itself); `changed` is the child that is the reason.

        Two different reasons make none: then the parent looks at all its children.
        """
        if parent_id in self._dirty:
            known = self._dirty[parent_id]
            changed = (
                changed if known is not None and changed is not None and known.id == changed.id else None
            )
        else:
            self._queue.append(parent_id)
        self._dirty[parent_id] = changed

    def next_touched(self) -> tuple[str | None, TaskRun | None] | None:
        """The next parent to look at, in the order in which they were touched; None when there is no more."""
        if not self._queue:
            return None
        parent_id = self._queue.popleft()
        return parent_id, self._dirty.pop(parent_id)

    # The end of a step

    def rollback(self) -> None:
        """Put the ledger back to where it was."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        if self._removed:
            # Taking runs out has exchanged the indexes that earlier changes of the step knew.
            self.ledger.reindex()

    def to_step(self) -> Step:
        """What this step changed and asks for."""
        return Step(
            execution=self.execution if self.execution is not self._before else None,
            task_runs=tuple(
                self.ledger.runs[run_id] for run_id in self._changed if run_id in self.ledger.runs
            ),
            removed=tuple(self._removed),
            commands=tuple(self.commands),
            parts=self._parts,
            dropped_parts=tuple(self._dropped_parts),
        )


def attempt_started(run: TaskRun, at: datetime) -> tuple[Attempt, ...]:
    """The run's attempts and one more that has begun."""
    return (*run.attempts, Attempt(History((Moment(State.CREATED, at), Moment(State.RUNNING, at)))))


def attempt_ended(
    run: TaskRun, state: State, at: datetime, *, log_file: str | None = None, problem: str | None = None
) -> tuple[Attempt, ...]:
    """The run's attempts with the last one ended; one is added when none is under way."""
    attempts = run.attempts
    if not attempts or attempts[-1].state.current.is_ended:
        attempts = attempt_started(run, at)
    last = attempts[-1]
    ended = msgspec.structs.replace(
        last,
        state=last.state.to(state, at),
        log_file=log_file or last.log_file,
        problem=None if problem is None else problem[:MOST_OF_PROBLEM],
    )
    return (*attempts[:-1], ended)


def attempt_cut(run: TaskRun, state: State, at: datetime) -> tuple[Attempt, ...]:
    """The run's attempts, with the last one ended if it is under way; none is added."""
    under_way = bool(run.attempts) and not run.attempts[-1].state.current.is_ended
    return attempt_ended(run, state, at) if under_way else run.attempts

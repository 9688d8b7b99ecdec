"""Which legal transitions were exercised: `python -m tests.coverage_of_transitions`.

The table is `model/state.py`. Exercised by the traces, by random examples of the engine and by simulated
servers, all of which take the same steps every time. A transition that nothing exercises is either named
below, with the reason why it is legal all the same, or it does not belong into the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from unittest.mock import patch

import pytest

from batuta.engine import machine
from batuta.engine.draft import Draft, Step
from batuta.model.state import ENDED, EXECUTION_TRANSITIONS, TASK_RUN_TRANSITIONS, History, State

EXAMPLES = 4_000
SEEDS = 150

Transitions = set[tuple[State, State]]


class Seen:
    """Transitions of executions and of task runs."""

    def __init__(self) -> None:
        self.executions: Transitions = set()
        self.task_runs: Transitions = set()

    def note(self, step: Step) -> None:
        """Everything that a step wrote."""
        if step.execution is not None:
            self.executions |= _pairs(step.execution.state)
        for run in step.task_runs:
            self.task_runs |= _pairs(run.state)

    def missing(self) -> list[tuple[str, State, State]]:
        """Legal transitions that were not exercised."""
        return [
            *(("execution", a, b) for a, b in _legal(EXECUTION_TRANSITIONS) if (a, b) not in self.executions),
            *(("task run", a, b) for a, b in _legal(TASK_RUN_TRANSITIONS) if (a, b) not in self.task_runs),
        ]


def _pairs(history: History) -> Transitions:
    return set(pairwise(moment.state for moment in history.moments))


def _legal(table: dict[State, frozenset[State]]) -> Iterator[tuple[State, State]]:
    for a, following in table.items():
        for b in sorted(following - {a}):
            yield a, b


@contextmanager
def recording() -> Iterator[Seen]:
    """Note the transitions of all steps that are made in a block."""
    seen = Seen()
    true = Draft.to_step

    def to_step(self: Draft) -> Step:
        step = true(self)
        seen.note(step)
        return step

    with patch.object(machine.Draft, "to_step", to_step):
        yield seen


def exercise() -> Seen:
    """Everything that takes the same steps every time."""
    from tests.simulation import work
    from tests.simulation.run import simulate
    from tests.unit.engine.random_events import Example

    with recording() as seen:
        with work.registered():
            for seed in range(EXAMPLES):
                Example(seed).play()
        for seed in range(SEEDS):
            simulate(seed)
    return seen


def report(seen: Seen) -> Iterable[str]:
    """The table, and what of it was exercised."""
    missing = set(seen.missing())
    for what, table in (("execution", EXECUTION_TRANSITIONS), ("task run", TASK_RUN_TRANSITIONS)):
        legal = list(_legal(table))
        count = sum((what, a, b) not in missing for a, b in legal)
        yield f"{what}: {count} of {len(legal)} transitions exercised"
        for a, b in legal:
            if (what, a, b) in missing:
                yield f"  not {a} -> {b}: {reason(what, a, b) or 'NO REASON KNOWN'}"


def reason(what: str, a: State, b: State) -> str | None:
    """Why a transition is legal although nothing exercises it."""
    fitting = (why for kind, before, after, why in REASONS if kind == what and a in before and b in after)
    return next(fitting, None)


_S = State
_BY_HAND = "people may set any end by hand"
_AT_ONCE = "one step passes through RUNNING, or FAILED, and skips the entry between"
_TOGETHER = "another branch ends the execution by Exit, Approval, Pause or SLA just then"
_STOPPED = "a kill comes while it waits, and its children have to be stopped first"
_REPLAYED = "a replay of an execution that is under way begins there anew"
_LATE = "the worker of a task that is being killed has ended it before it heard of that"

REASONS: list[tuple[str, frozenset[State], frozenset[State], str]] = [
    ("execution", frozenset({_S.QUEUED}), frozenset({_S.FAILED}), "somebody unqueues it as FAILED"),
    ("execution", frozenset({_S.PAUSED, _S.RETRYING, _S.BREAKPOINT}), ENDED, _TOGETHER),
    ("execution", frozenset({_S.RETRYING}), frozenset({_S.BREAKPOINT}), "a sibling of the retry stops there"),
    ("execution", frozenset({_S.RESTARTED}), frozenset({_S.CANCELLED, _S.FAILED, _S.KILLING}), _TOGETHER),
    ("execution", ENDED, ENDED, _BY_HAND),
    ("task run", ENDED, ENDED, _BY_HAND),
    ("task run", frozenset({_S.SKIPPED}), frozenset({_S.RUNNING}), "somebody marks a task below it"),
    ("task run", frozenset({_S.SUBMITTED, _S.RUNNING}), frozenset({_S.RETRYING, _S.RETRIED}), _AT_ONCE),
    ("task run", frozenset({_S.SUBMITTED, _S.RUNNING}), frozenset({_S.RESTARTED}), _REPLAYED),
    ("task run", frozenset({_S.KILLING}), frozenset({_S.FAILED, _S.WARNING}), _LATE),
    ("task run", frozenset(State) - ENDED, frozenset({_S.KILLING}), _STOPPED),
    ("task run", frozenset(State) - ENDED, ENDED, _TOGETHER),
]
"""Kind, before, after, and why; the first that fits counts."""


def main() -> int:
    """The command."""
    with recording() as traces:
        pytest.main(["tests/traces", "-q", "-n", "0", "-p", "no:randomly", "--no-header"])
    seen = exercise()
    seen.executions |= traces.executions
    seen.task_runs |= traces.task_runs
    print("\n".join(report(seen)))
    return int(any(reason(*each) is None for each in seen.missing()))


if __name__ == "__main__":
    sys.exit(main())

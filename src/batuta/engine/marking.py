"""States that people set by hand (flow spec §15, §15.3)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from batuta.engine import events as on
from batuta.engine.draft import Draft
from batuta.engine.operations import give_up_kills, handler_runs
from batuta.model import labels
from batuta.model.execution import TaskRun
from batuta.model.labels import Label
from batuta.model.state import State


def change_status(draft: Draft, state: State) -> None:
    """An ended execution counts as ended in another way. Nothing runs because of it."""
    if draft.execution.is_ended and state.is_ended:
        draft.move_execution(state)


def note_replay(draft: Draft) -> None:
    """A replay leaves a trace at its source."""
    known = draft.execution.labels
    draft.change_execution(labels=labels.merged(known, (Label(labels.REPLAYED, "true"),)))


def mark(draft: Draft, event: on.TaskRunMarked) -> None:
    """A run of an ended execution counts as ended in a state, and what follows from that happens now (flow
    spec §15.3)."""
    ledger = draft.ledger
    run = ledger.run(event.task_run_id)
    if run is None or not draft.execution.is_ended or not event.state.is_ended:
        return
    give_up_kills(draft)
    run = ledger.runs[run.id]
    path = {run.id, *(ancestor.id for ancestor in ledger.ancestors(run))}
    before = {each.id for place in path for each in _earlier(draft, ledger.runs[place])}
    draft.remove([each for each in handler_runs(draft) if each.id not in path | before])
    run = ledger.runs[run.id]
    attempts = run.attempts
    if attempts:
        last = msgspec.structs.replace(attempts[-1], state=attempts[-1].state.to(event.state, draft.now))
        attempts = (*attempts[:-1], last)
    draft.move(run, event.state, attempts=attempts)
    if event.state is State.CANCELLED:
        # What follows the end was taken away, and follows it once more.
        draft.move_execution(State.CANCELLED, settled=False)
        draft.touch(None)
        return
    draft.move_execution(
        State.RESTARTED,
        State.RUNNING,
        outputs=None,
        settled=False,
        attempt_number=draft.execution.attempt_number + 1,
    )
    for ancestor in list(ledger.ancestors(run)):
        memo = {name: value for name, value in (ancestor.memo or {}).items() if name != "target"}
        draft.move(ancestor, State.RUNNING, memo=memo)
        draft.touch(ancestor.id)
    draft.touch(None)


def _earlier(draft: Draft, run: TaskRun) -> Iterator[TaskRun]:
    """Runs that came before a run in its own list, with what is below them."""
    ledger = draft.ledger
    branch = ledger.branch_of(run)
    for sibling in ledger.children(run.parent_id):
        if sibling.ordinal < run.ordinal and ledger.branch_of(sibling) == branch:
            yield sibling
            yield from ledger.below(sibling.id)

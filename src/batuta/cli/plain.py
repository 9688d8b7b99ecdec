"""Plain lines for pipes, files and CI: one for each change of state and each log line, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TextIO

from batuta.cli.progress import (
    LineView,
    Snapshot,
    in_words,
    lines_shown,
    name_of,
    shown_message,
    time_taken,
)
from batuta.model.state import History, Moment, State

QUIET = frozenset({State.CREATED, State.SUBMITTED})
"""States that last a moment and tell a reader nothing."""
WIDTH = 24
"""Columns for the name of a task."""


class _Row(NamedTuple):
    """One line to write; the first three decide the order."""

    at: datetime
    place: int
    """Among rows of one time: what begins comes from the outside in, what ends from the inside out."""
    step: int
    """States of a history have even numbers, lines of the log the odd ones between them."""
    name: str
    text: str


class PlainDisplay:
    """Writes what is new since the last call."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._told: dict[str, int] = {}
        """How many moments of each history were written, by task run id and by execution id."""

    def update(self, snapshot: Snapshot, lines: Sequence[LineView] = ()) -> None:
        """Write changes of state and log lines; a line stands between the begin and the end of its task."""
        nesting = _Nesting(snapshot)
        fresh = self._moments(snapshot.id, snapshot.flow, nesting)
        for run in snapshot.runs:
            fresh += self._moments(run.id, name_of(run), nesting)
        for line in lines_shown(lines, verbose=self._verbose):
            run_id = line.task_run_id if line.task_run_id in nesting.histories else snapshot.id
            at, step = _place_in(nesting.histories[run_id], line.at)
            text = f"{line.level:<5} {line.message}"
            place = nesting.places[run_id] if run_id != snapshot.id else len(nesting.places)
            fresh.append(_Row(at, place, step, self._name(snapshot, line), text))
        for row in sorted(fresh, key=lambda row: row[:3]):
            self._write(row)
        self._stream.flush()

    def note(self, text: str) -> None:
        """Write a sentence."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """There is nothing to put back."""

    def _moments(self, key: str, name: str, nesting: _Nesting) -> list[_Row]:
        history = nesting.histories[key]
        told = self._told.get(key, 0)
        self._told[key] = len(history.moments)
        rows = []
        for step, moment in enumerate(history.moments):
            if step < told or moment.state in QUIET or _is_corrected(history, step):
                continue
            at, place = (
                nesting.end_of(key, step) if moment.state.is_ended else (moment.at, nesting.places[key])
            )
            rows.append(_Row(at, place, 2 * step, name, _state_text(history, moment)))
        return rows

    def _name(self, snapshot: Snapshot, line: LineView) -> str:
        run = next((run for run in snapshot.runs if run.id == line.task_run_id), None)
        return name_of(run) if run is not None else line.task_id or ""

    def _write(self, row: _Row) -> None:
        clock = row.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
        first, *rest = shown_message(row.text).splitlines() or [""]
        self._stream.write(f"{clock}  {shown_message(row.name):<{WIDTH}}  {first}\n")
        for line in rest:
            self._stream.write(f"{'':{len(clock)}}  {'':{WIDTH}}  {line}\n")


class _Nesting:
    """Where the lines of a snapshot belong: an execution encloses its task runs, and a run those below it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.histories: dict[str, History] = {run.id: run.history for run in snapshot.runs}
        self.histories[snapshot.id] = snapshot.history
        self._parents: dict[str, str] = {
            run.id: run.parent_id if run.parent_id in self.histories else snapshot.id for run in snapshot.runs
        }
        self.places = {snapshot.id: 0} | {run.id: place for place, run in enumerate(snapshot.runs, 1)}
        self._latest = {key: history.changed_at for key, history in self.histories.items()}
        for run in snapshot.runs:
            self._raise(run.id)

    def _raise(self, key: str) -> None:
        """Everything around a task run ends no earlier than it does."""
        at = self._latest[key]
        while (above := self._parents.get(key)) is not None and self._latest[above] < at:
            self._latest[above] = at
            key = above

    def end_of(self, key: str, step: int) -> tuple[datetime, int]:
        """When an end is told, and its place: after everything inside, when it is the end for good."""
        moments = self.histories[key].moments
        at = self._latest[key] if step == len(moments) - 1 else moments[step].at
        return at, 2 * len(self.places) - self.places[key]


def _is_corrected(history: History, step: int) -> bool:
    """Whether an ended state gave way to another one at once, as when the outputs cannot be rendered."""
    after = history.moments[step + 1 : step + 2]
    return history.moments[step].state.is_ended and any(each.state.is_ended for each in after)


def _place_in(history: History, at: datetime) -> tuple[datetime, int]:
    """When and between which states a line was written: not before its task began, not after it ended."""
    steps = [step for step, moment in enumerate(history.moments) if not moment.state.is_ended]
    began = next((step for step in steps if history.moments[step].state is State.RUNNING), 0)
    step = max([began, *(step for step in steps if history.moments[step].at <= at)])
    at = max(at, history.moments[began].at)
    return min(at, history.changed_at) if history.current.is_ended else at, 2 * step + 1


def _state_text(history: History, moment: Moment) -> str:
    took = time_taken(history, moment.at) if moment.state.is_ended else None
    return moment.state.value if took is None else f"{moment.state.value} after {in_words(took)}"

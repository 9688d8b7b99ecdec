"""Plain lines for pipes, files and CI: one for each change of state and each log line, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TextIO

from batuta.cli.progress import LineView, Snapshot, in_words, name_of, shown_message, time_taken
from batuta.model.state import History, Moment, State

QUIET = frozenset({State.CREATED, State.SUBMITTED})
"""States that last a moment and tell a reader nothing."""
WIDTH = 24
"""Columns for the name of a task."""


class _Row(NamedTuple):
    """One line to write; the first three decide the order."""

    at: datetime
    place: int
    """That of the task run among all; the execution comes last."""
    step: int
    """States of a task run have even numbers, lines of the log the odd ones between them."""
    name: str
    text: str


class PlainDisplay:
    """Writes what is new since the last call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[str, int] = {}
        """How many moments of each history were written, by task run id and by execution id."""

    def update(self, snapshot: Snapshot, lines: Sequence[LineView] = ()) -> None:
        """Write changes of state and log lines; a line stands between the begin and the end of its task."""
        places = {run.id: place for place, run in enumerate(snapshot.runs)}
        histories = {run.id: run.history for run in snapshot.runs}
        fresh = self._moments(snapshot.id, snapshot.flow, snapshot.history, len(places))
        for run in snapshot.runs:
            fresh += self._moments(run.id, name_of(run), run.history, places[run.id])
        for line in lines:
            run_id = line.task_run_id or snapshot.id
            at, step = _place_in(histories.get(run_id, snapshot.history), line.at)
            text = f"{line.level:<5} {line.message}"
            fresh.append(_Row(at, places.get(run_id, len(places)), step, self._name(snapshot, line), text))
        for row in sorted(fresh, key=lambda row: row[:3]):
            self._write(row)
        self._stream.flush()

    def note(self, text: str) -> None:
        """Write a sentence."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """There is nothing to put back."""

    def _moments(self, key: str, name: str, history: History, place: int) -> list[_Row]:
        told = self._told.get(key, 0)
        self._told[key] = len(history.moments)
        return [
            _Row(moment.at, place, 2 * step, name, _state_text(history, moment))
            for step, moment in enumerate(history.moments)
            if step >= told and moment.state not in QUIET
        ]

    def _name(self, snapshot: Snapshot, line: LineView) -> str:
        run = next((run for run in snapshot.runs if run.id == line.task_run_id), None)
        return name_of(run) if run is not None else line.task_id or ""

    def _write(self, row: _Row) -> None:
        clock = row.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
        first, *rest = shown_message(row.text).splitlines() or [""]
        self._stream.write(f"{clock}  {shown_message(row.name):<{WIDTH}}  {first}\n")
        for line in rest:
            self._stream.write(f"{'':{len(clock)}}  {'':{WIDTH}}  {line}\n")


def _place_in(history: History, at: datetime) -> tuple[datetime, int]:
    """When and between which states a line was written: not before its task began, not after it ended."""
    steps = [step for step, moment in enumerate(history.moments) if not moment.state.is_ended]
    began = next((step for step in steps if history.moments[step].state is State.RUNNING), 0)
    step = max([began, *(step for step in steps if history.moments[step].at <= at)])
    return max(at, history.moments[began].at), 2 * step + 1


def _state_text(history: History, moment: Moment) -> str:
    took = time_taken(history, moment.at) if moment.state.is_ended else None
    return moment.state.value if took is None else f"{moment.state.value} after {in_words(took)}"

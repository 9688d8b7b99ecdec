"""Plain lines for pipes, files and CI: one for each change of state and each log line, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from batuta.cli.progress import LineView, Snapshot, in_words, shown_message, time_taken
from batuta.model.state import History, Moment, State

QUIET = frozenset({State.CREATED, State.SUBMITTED})
"""States that last a moment and tell a reader nothing."""
WIDTH = 24
"""Columns for the name of a task."""


class PlainDisplay:
    """Writes what is new since the last call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[str, int] = {}
        """How many moments of each history were written, by task run id and by execution id."""

    def update(self, snapshot: Snapshot, lines: Sequence[LineView] = ()) -> None:
        """Write changes of state and lines of the log; within one moment: began, log, ended."""
        fresh: list[tuple[datetime, int, str, str]] = []
        for run in snapshot.runs:
            name = run.task_id if run.value is None else f"{run.task_id} [{run.value}]"
            fresh += self._moments(run.id, name, run.history)
        fresh += [(line.at, 1, line.task_id or "", f"{line.level:<5} {line.message}") for line in lines]
        fresh += self._moments(snapshot.id, snapshot.flow, snapshot.history)
        for at, _, name, text in sorted(fresh, key=lambda row: row[:2]):
            self._write(at, name, text)
        self._stream.flush()

    def note(self, text: str) -> None:
        """Write a sentence."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """There is nothing to put back."""

    def _moments(self, key: str, name: str, history: History) -> list[tuple[datetime, int, str, str]]:
        told = self._told.get(key, 0)
        self._told[key] = len(history.moments)
        return [
            (moment.at, 2 if moment.state.is_ended else 0, name, _state_text(history, moment))
            for moment in history.moments[told:]
            if moment.state not in QUIET
        ]

    def _write(self, at: datetime, name: str, text: str) -> None:
        clock = at.astimezone().strftime("%H:%M:%S.%f")[:-3]
        first, *rest = shown_message(text).splitlines() or [""]
        self._stream.write(f"{clock}  {shown_message(name):<{WIDTH}}  {first}\n")
        for line in rest:
            self._stream.write(f"{'':{len(clock)}}  {'':{WIDTH}}  {line}\n")


def _state_text(history: History, moment: Moment) -> str:
    took = time_taken(history, moment.at) if moment.state.is_ended else None
    return moment.state.value if took is None else f"{moment.state.value} after {in_words(took)}"

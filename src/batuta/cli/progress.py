"""What an execution looks like while it runs: the one form that every display draws, wherever it comes from.

`batuta run` reads it from the store of its own process, commands that speak to a server from the API's JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from batuta import iso8601
from batuta.model.execution import Execution, TaskRun
from batuta.model.state import History, Moment, State
from batuta.store.port import StoredLine

CONTENT_OF_LINE = 20_000
"""Most characters of one log message that a terminal is shown."""
VERBOSE_LEVELS = frozenset({"DEBUG", "TRACE"})
"""Levels of the lines that only `--verbose` shows."""


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One task run."""

    id: str
    task_id: str
    parent_id: str | None = None
    value: str | None = None
    """The value of the iteration it belongs to."""
    history: History
    attempts: int = 0

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.history.current


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log."""

    at: datetime
    level: str
    message: str
    task_id: str | None = None
    task_run_id: str | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An execution at one moment."""

    id: str
    flow: str
    history: History
    runs: tuple[RunView, ...] = ()
    over: bool = False
    """Ended, with everything that runs after the end."""

    @property
    def state(self) -> State:
        """Where the execution stands."""
        return self.history.current


class Display(Protocol):
    """Shows how an execution goes."""

    def update(self, snapshot: Snapshot, lines: Sequence[LineView] = ()) -> None:
        """Show what is new; `lines` are those that no earlier call had."""

    def note(self, text: str) -> None:
        """Show a sentence that is about no task."""

    def close(self) -> None:
        """Nothing more comes; what the terminal needs to be as before is done."""


class Silence:
    """Shows nothing: for a caller that only wants the result."""

    def update(self, snapshot: Snapshot, lines: Sequence[LineView] = ()) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """There is nothing to put back."""


def display_for(output: str, *, verbose: bool = False) -> Display:
    """The display that suits: a live tree on a terminal, plain lines elsewhere, nothing beside JSON."""
    if output == "json":
        return Silence()
    if sys.stdout.isatty():
        from batuta.cli.tree import TreeDisplay

        return TreeDisplay(verbose=verbose)
    from batuta.cli.plain import PlainDisplay

    return PlainDisplay(sys.stdout, verbose=verbose)


def lines_shown(lines: Iterable[LineView], *, verbose: bool) -> list[LineView]:
    """The lines that a display shows."""
    return [line for line in lines if verbose or line.level not in VERBOSE_LEVELS]


def of_rows(execution: Execution, runs: Iterable[TaskRun]) -> Snapshot:
    """The form of an execution that was read from a store."""
    return Snapshot(
        id=execution.id,
        flow=str(execution.flow_key),
        history=execution.state,
        runs=tuple(
            RunView(
                id=run.id,
                task_id=run.task_id,
                parent_id=run.parent_id,
                value=run.value,
                history=run.state,
                attempts=len(run.attempts),
            )
            for run in runs
        ),
        over=execution.settled,
    )


def of_stored_lines(lines: Iterable[StoredLine]) -> list[LineView]:
    """The form of lines that were read from a store."""
    return [
        LineView(
            at=each.line.at,
            level=each.line.level.value,
            message=each.line.message,
            task_id=each.line.task_id,
            task_run_id=each.line.task_run_id,
        )
        for each in lines
    ]


def of_json(document: Mapping[str, Any], *, over: bool) -> Snapshot:
    """The form of an execution that a server answered with."""
    return Snapshot(
        id=document["id"],
        flow=f"{document['namespace']}.{document['flowId']}",
        history=_history(document["state"]),
        runs=tuple(
            RunView(
                id=run["id"],
                task_id=run["taskId"],
                parent_id=run.get("parentTaskRunId"),
                value=run.get("value"),
                history=_history(run["state"]),
                attempts=len(run.get("attempts") or ()),
            )
            for run in document.get("taskRunList") or ()
        ),
        over=over,
    )


def line_of_json(document: Mapping[str, Any]) -> LineView:
    """The form of a log line that a server answered with."""
    return LineView(
        at=iso8601.parse_instant(document["timestamp"]),
        level=document.get("level", "INFO"),
        message=document.get("message") or "",
        task_id=document.get("taskId"),
        task_run_id=document.get("taskRunId"),
    )


def _history(state: Mapping[str, Any]) -> History:
    return History(
        tuple(
            Moment(State(each["state"]), iso8601.parse_instant(each["date"])) for each in state["histories"]
        )
    )


def name_of(run: RunView) -> str:
    """The task, and behind it the value of the iteration."""
    return run.task_id if run.value is None else f"{run.task_id} [{run.value}]"


def time_taken(history: History, now: datetime) -> timedelta | None:
    """From the first RUNNING to the end, or to `now`; None for what has not begun."""
    began = next((moment.at for moment in history.moments if moment.state is State.RUNNING), None)
    if began is None:
        return None
    return max((history.changed_at if history.current.is_ended else now) - began, timedelta())


def in_words(duration: timedelta) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`: as precise as a person wants it."""
    seconds = duration.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def shown_message(message: str) -> str:
    """A message as a terminal may see it: without control characters, which could move the cursor."""
    cut = message if len(message) <= CONTENT_OF_LINE else message[:CONTENT_OF_LINE] + " …"
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in cut)

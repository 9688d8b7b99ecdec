"""The live tree of an execution on a terminal.

`rows` decides what is shown and is plain data; `TreeDisplay` draws it with rich, which nobody else imports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from batuta.cli.conclusion import Memory, Reason
from batuta.cli.progress import (
    LineView,
    RunView,
    Snapshot,
    in_words,
    lines_shown,
    name_of,
    shown_message,
    time_taken,
)
from batuta.model.state import State

MOST_SIBLINGS = 12
"""More ended children of one parent are counted in one row instead of having a row each."""
MOST_LINES = 6
"""Lines of the log below the tree."""
REFRESHES = 10
"""Times a second at which the tree is drawn anew."""

LOOKS: dict[State, tuple[str, str, str]] = {
    State.CREATED: ("○", ".", "dim"),
    State.QUEUED: ("○", ".", "dim"),
    State.SUBMITTED: ("○", ".", "dim"),
    State.RUNNING: ("●", ">", "blue"),
    State.PAUSED: ("‖", "=", "magenta"),
    State.BREAKPOINT: ("‖", "=", "magenta"),
    State.RESTARTED: ("↻", "~", "blue"),
    State.RETRYING: ("↻", "~", "yellow"),
    State.KILLING: ("■", "#", "yellow"),
    State.SUCCESS: ("✔", "+", "green"),
    State.WARNING: ("▲", "!", "yellow"),
    State.FAILED: ("✘", "x", "red"),
    State.KILLED: ("■", "#", "red"),
    State.CANCELLED: ("■", "#", "dim"),
    State.RETRIED: ("↻", "~", "dim"),
    State.SKIPPED: ("»", "-", "dim"),
    State.RESUBMITTED: ("↻", "~", "dim"),
}
"""A state's sign, its sign where the terminal has no Unicode, and its style."""

LEVELS = {"ERROR": "red", "WARN": "yellow", "DEBUG": "dim", "TRACE": "dim"}


class Row(NamedTuple):
    """One line of the tree."""

    depth: int
    name: str
    state: State
    detail: str


def rows(snapshot: Snapshot, now: datetime, most: int) -> list[Row]:
    """The task runs as a tree of at most `most` rows, parents before children.

    Where there is no room, ended runs are counted instead of shown, those deepest in the tree first.
    """
    children: dict[str | None, list[RunView]] = {}
    known = {run.id for run in snapshot.runs}
    for run in snapshot.runs:
        children.setdefault(run.parent_id if run.parent_id in known else None, []).append(run)
    for room in (MOST_SIBLINGS, 3, 0):
        found = list(_below(None, children, 0, room, now))
        if len(found) <= most:
            return found
    # Even what is under way does not fit: the top of the tree says more than its end.
    return [*found[: most - 1], Row(0, f"… {len(found) - most + 1} more", State.RUNNING, "")]


def _below(
    parent: str | None, children: dict[str | None, list[RunView]], depth: int, room: int, now: datetime
) -> list[Row]:
    runs = children.get(parent, [])
    ended = [run for run in runs if run.state.is_ended and run.state is not State.FAILED]
    hidden = {run.id for run in ended[: len(ended) - room]} if depth and len(ended) > max(room, 1) else set()
    found = []
    if hidden:
        counts = Counter(run.state for run in ended if run.id in hidden)
        found = [Row(depth, f"{count} more", state, "") for state, count in counts.items()]
    for run in runs:
        if run.id not in hidden:
            found.append(Row(depth, name_of(run), run.state, _detail(run, now)))
            found += _below(run.id, children, depth + 1, room, now)
    return found


def _detail(run: RunView, now: datetime) -> str:
    took = time_taken(run.history, now)
    parts = [] if took is None else [in_words(took)]
    if run.attempts > 1:
        parts.append(f"attempt {run.attempts}")
    return ", ".join(parts)


class TreeDisplay:
    """Draws the tree with the last lines of the log below it, and leaves the final one on the screen."""

    def __init__(self, console: Console | None = None, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._memory = Memory()
        self._reasons: list[Reason] = []
        self._console = console or Console()
        self._plain_signs = not (self._console.encoding or "").lower().startswith("utf")
        self._snapshot: Snapshot | None = None
        self._lines: list[LineView] = []
        self._live = Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=REFRESHES,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def update(self, snapshot: Snapshot, lines: Sequence[LineView] = ()) -> None:
        """Take what is new; the next refresh shows it."""
        self._snapshot = snapshot
        shown = lines_shown(lines, verbose=self._verbose)
        self._memory.add(shown)
        self._lines = [*self._lines, *shown][-MOST_LINES:]

    def note(self, text: str) -> None:
        """Write a sentence above the tree."""
        self._console.print(Text(text))

    def close(self) -> None:
        """Draw the last state once more and leave it standing, and below it why the execution failed."""
        if self._snapshot is not None and self._snapshot.over:
            self._reasons = self._memory.reasons(self._snapshot)
        self._live.stop()
        for reason in self._reasons:
            self._console.print(self._told(reason))

    def _drawn(self) -> RenderableType:
        snapshot = self._snapshot
        if snapshot is None:
            return Text()
        now = datetime.now(UTC)
        height = max(self._console.height - MOST_LINES - 3, 5)
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, style="dim")
        took = time_taken(snapshot.history, now)
        self._add(
            grid, Row(0, snapshot.flow, snapshot.state, "" if took is None else in_words(took)), bold=True
        )
        for row in rows(snapshot, now, height):
            self._add(grid, row._replace(depth=row.depth + 1))
        return Group(grid, *self._log())

    def _add(self, grid: Table, row: Row, *, bold: bool = False) -> None:
        sign, plain, style = LOOKS[row.state]
        name = Text("  " * row.depth)
        name.append(plain if self._plain_signs else sign, style=style)
        name.append(f" {shown_message(row.name)}", style="bold" if bold else "")
        grid.add_row(name, Text(row.state.value, style=style), row.detail)

    def _told(self, reason: Reason) -> RenderableType:
        """Every line in full; what is wider than the terminal is wrapped."""
        sign, plain, style = LOOKS[State.FAILED]
        title = Text(f"\n{plain if self._plain_signs else sign} ", style=style)
        title.append(shown_message(reason.name), style="bold")
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for line in reason.lines:
            style = LEVELS.get(line.level, "")
            grid.add_row(
                Text(f"  {line.level:<5}", style=style), Text(shown_message(line.message), style=style)
            )
        return Group(title, grid)

    def _log(self) -> list[Text]:
        shown = []
        # What the reasons below the tree say in full need not stand above them, cut.
        for line in () if self._reasons else self._lines:
            text = Text(no_wrap=True, overflow="ellipsis")
            text.append(line.at.astimezone().strftime("%H:%M:%S "), style="dim")
            text.append(f"{line.task_id or ''} ", style="cyan")
            first = (shown_message(line.message).splitlines() or [""])[0]
            text.append(first, style=LEVELS.get(line.level, ""))
            shown.append(text)
        return shown

"""What is said once an execution has ended: why it failed, and what it gave back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from batuta.cli.progress import LineView, RunView, Snapshot, name_of
from batuta.model.state import State

SERIOUS = frozenset({"WARN", "ERROR"})
"""Levels of the lines that tell what went wrong."""
LAST_LINES = 20
"""Lines of a failed task that are shown whatever their level: what it did just before."""
MOST_SERIOUS = 1000
"""Serious lines that are remembered for one task; of more, the first ones are forgotten."""
TRACEBACK = "Traceback (most recent call last):"


class Reason(NamedTuple):
    """A task that failed, and what it wrote about that."""

    name: str
    lines: list[LineView]


class Memory:
    """The lines that are needed should their task fail, however long the log becomes."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[str, deque[tuple[int, LineView]]] = {}
        self._serious: dict[str, deque[tuple[int, LineView]]] = {}

    def add(self, lines: Iterable[LineView]) -> None:
        """Take new lines."""
        for line in lines:
            self._count += 1
            run_id = line.task_run_id or ""
            self._last.setdefault(run_id, deque(maxlen=LAST_LINES)).append((self._count, line))
            if line.level in SERIOUS:
                self._serious.setdefault(run_id, deque(maxlen=MOST_SERIOUS)).append((self._count, line))

    def reasons(self, snapshot: Snapshot) -> list[Reason]:
        """Why an execution failed: each failed task that wrote something, then what no task of it wrote."""
        if snapshot.state is not State.FAILED:
            return []
        found = [
            Reason(name_of(run), self._of_run(run)) for run in snapshot.runs if run.state is State.FAILED
        ]
        known = {run.id for run in snapshot.runs}
        strangers: dict[str, list[tuple[int, LineView]]] = {}
        for run_id, lines in self._serious.items():
            if run_id not in known:
                for number, line in lines:
                    strangers.setdefault(line.task_id or snapshot.flow, []).append((number, line))
        found += [Reason(name, [line for _, line in sorted(each)]) for name, each in strangers.items()]
        return [reason for reason in found if reason.lines]

    def _of_run(self, run: RunView) -> list[LineView]:
        numbered = {**dict(self._serious.get(run.id, ())), **dict(self._last.get(run.id, ()))}
        return [numbered[number] for number in sorted(numbered)]


def first_error(runs: Sequence[RunView], lines: Sequence[LineView]) -> LineView | None:
    """The line that says best why an execution failed: the first error of a failed task, else of anything.

    Of a traceback it is the line that names the exception.
    """
    errors = [line for line in lines if line.level == "ERROR"]
    failed = {run.id for run in runs if run.state is State.FAILED}
    first = next((line for line in errors if line.task_run_id in failed), errors[0] if errors else None)
    if first is None or first.message.strip() != TRACEBACK:
        return first
    rest = errors[errors.index(first) + 1 :]
    told = (line for line in rest if line.task_run_id == first.task_run_id)
    return next((line for line in told if line.message and not line.message[0].isspace()), first)


def print_outputs(outputs: Mapping[str, Any] | None, *, kept: bool = True) -> None:
    """The outputs of a flow, if it has any; a word of warning where its files are not kept."""
    if not outputs:
        return
    import msgspec

    text = msgspec.json.format(msgspec.json.encode({"outputs": outputs}), indent=2).decode()
    click.echo(text)
    if "kestra:///" in text and not kept:
        click.echo("The files are gone with this run; `--data DIR` keeps them.", err=True)

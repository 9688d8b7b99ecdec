"""What a test says about its tasks: how each attempt ends, how long it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from batuta.model.execution import TaskRun
from batuta.model.state import State


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ends. `after` keeps the worker busy for a time; `held` until the test lets it go."""

    state: State = State.SUCCESS
    outputs: dict[str, Any] | None = None
    after: timedelta = timedelta(0)
    held: bool = False
    problem: str | None = None
    """Why it failed."""


Given = State | dict[str, Any] | Outcome | list[Any] | Callable[[TaskRun], Any]
"""A state, outputs, an outcome, a list of these by attempt, or a function of the run that gives one."""


def outcome_of(given: Given, run: TaskRun, attempt: int) -> Outcome:
    """The outcome of an attempt, counted from 1; the last of a list stands for all that follow."""
    if isinstance(given, list):
        return outcome_of(given[min(attempt, len(given)) - 1], run, attempt)
    if isinstance(given, State):
        return Outcome(given)
    if isinstance(given, dict):
        return Outcome(outputs=given)
    if isinstance(given, Outcome):
        return given
    return outcome_of(given(run), run, attempt)

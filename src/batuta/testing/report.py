"""What came of tests, in the shape in which the REST API tells it (flow spec §18)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Verdict(StrEnum):
    """How a test, or a suite of them, ended."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    """An assertion does not hold."""
    ERROR = "ERROR"
    """The execution could not run as the test wants it, or an assertion could not be looked at."""
    SKIPPED = "SKIPPED"


class AssertionResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of one operator of one assertion."""

    value: str
    """What was looked at, as written."""
    operator: str
    expected: Any
    actual: Any
    is_success: bool
    task_id: str | None = None
    description: str | None = None
    error_message: str | None = None
    """What its author wants to be told when it does not hold."""
    line: int = 0
    """Where the assertion stands in its document."""


class Problem(msgspec.Struct, frozen=True):
    """Why a test could not be judged."""

    message: str
    details: str | None = None


class LogEntry(msgspec.Struct, frozen=True, rename="camel"):
    """A warning or an error that the execution has logged."""

    level: str
    task_id: str | None
    message: str


class CaseResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of one test case."""

    id: str
    test_id: str
    test_type: str
    namespace: str
    flow_id: str
    execution_id: str | None = None
    url: str | None = None
    state: Verdict
    execution_state: str | None = None
    assertion_results: tuple[AssertionResult, ...] = ()
    errors: tuple[Problem, ...] = ()
    fixtures: Any = None
    log: tuple[LogEntry, ...] = ()
    duration: float = 0.0
    """Seconds that the execution took, on the clock of the test."""
    run_tasks: tuple[str, ...] = ()
    """Tasks that were run for real."""
    mocked_tasks: tuple[str, ...] = ()
    """Tasks whose fixtures were used."""
    line: int = 0


class Coverage(msgspec.Struct, frozen=True, rename="camel"):
    """Which tasks of a flow its tests have reached."""

    tasks: int
    run: tuple[str, ...]
    mocked: tuple[str, ...]
    """Reached with a fixture only."""
    missed: tuple[str, ...]


class SuiteResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of a suite."""

    id: str
    """Of this run of the suite."""
    test_suite_id: str
    namespace: str
    flow_id: str
    start_date: datetime
    end_date: datetime
    state: Verdict
    results: tuple[CaseResult, ...] = ()
    coverage: Coverage | None = None


def folded(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a suite: the worst of its cases; SKIPPED when none has run."""
    found = set(verdicts)
    worst = (Verdict.ERROR, Verdict.FAILED, Verdict.SUCCESS)
    return next((each for each in worst if each in found), Verdict.SKIPPED)

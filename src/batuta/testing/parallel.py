"""Many tests on several processors: each process takes a share, and the results come back in order."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

from batuta.testing.guard import take_process
from batuta.testing.library import Library
from batuta.testing.report import CaseResult, SuiteResult
from batuta.testing.results import suite_result
from batuta.testing.running import Rules, theatre
from batuta.testing.suite import Case, Suite

ENOUGH_FOR_PROCESS = 200
"""Tests that are worth the start of another process."""
_SHARES = 4
"""Shares per process: one with slow tests does not hold back all others."""

_Test = tuple[int, int]
"""Place of a suite among the suites, and of a test in it."""


def run_suites(
    suites: Sequence[Suite],
    library: Library,
    rules: Rules,
    *,
    wanted: Callable[[Suite, Case], bool] = lambda suite, case: True,
    processes: int | None = None,
) -> list[SuiteResult]:
    """Run the wanted tests, in as many processes as pay unless told; suites without any are left out."""
    tests = [
        (at, number)
        for at, suite in enumerate(suites)
        for number, case in enumerate(suite.cases)
        if wanted(suite, case)
    ]
    if processes is None:
        processes = min(os.cpu_count() or 1, len(tests) // ENOUGH_FOR_PROCESS + 1)
    results = _run_all(suites, library, rules, tests, processes)
    by_suite: dict[int, list[CaseResult]] = {}
    for (at, _), result in zip(tests, results, strict=True):
        by_suite.setdefault(at, []).append(result)
    return [
        suite_result(suites[at], library.flows[suites[at].flow_key], found) for at, found in by_suite.items()
    ]


def _run_all(
    suites: Sequence[Suite], library: Library, rules: Rules, tests: Sequence[_Test], processes: int
) -> list[CaseResult]:
    if processes <= 1 or len(tests) < 2:
        return _share(suites, library, rules, tests)
    # A fork inherits what is imported, which is quick; it is safe only while nothing else runs here.
    method = "fork" if threading.active_count() == 1 and os.name == "posix" else "spawn"
    size = -(-len(tests) // (processes * _SHARES))
    shares = [tests[start : start + size] for start in range(0, len(tests), size)]
    with ProcessPoolExecutor(processes, multiprocessing.get_context(method)) as pool:
        futures = [pool.submit(_share, suites, library, rules, share) for share in shares]
        return [result for future in futures for result in future.result()]


def _share(
    suites: Sequence[Suite], library: Library, rules: Rules, tests: Sequence[_Test]
) -> list[CaseResult]:
    take_process()
    with theatre(rules) as stage:
        return [stage.case(suites[at], suites[at].cases[number], library) for at, number in tests]

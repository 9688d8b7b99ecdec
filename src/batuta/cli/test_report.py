"""Results of tests, as sentences and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from batuta.testing.finding import FoundSuite, Mistake
from batuta.testing.report import AssertionResult, CaseResult, SuiteResult, Verdict, folded

_MARKS = {
    Verdict.SUCCESS: ("✔", "green"),
    Verdict.FAILED: ("✘", "red"),
    Verdict.ERROR: ("!", "red"),
    Verdict.SKIPPED: ("-", "yellow"),
}
_MOST_SHOWN = 2_000
"""Characters of a value that are printed."""


class Summary(msgspec.Struct, frozen=True, rename="camel"):
    """What `--output json` prints."""

    state: Verdict
    tests: int
    passed: int
    failed: int
    errors: int
    skipped: int
    results: tuple[SuiteResult, ...]
    invalid: tuple[Mistake, ...]


def summary(results: Sequence[SuiteResult], found: Sequence[FoundSuite]) -> Summary:
    """All results, and what is wrong with suites that were not run."""
    invalid = tuple(mistake for each in found for mistake in each.mistakes)
    states = _states(results)
    return Summary(
        state=Verdict.ERROR if invalid else folded(states),
        tests=len(states),
        passed=states.count(Verdict.SUCCESS),
        failed=states.count(Verdict.FAILED),
        errors=states.count(Verdict.ERROR),
        skipped=states.count(Verdict.SKIPPED),
        results=tuple(results),
        invalid=invalid,
    )


def told(
    results: Sequence[SuiteResult], found: Sequence[FoundSuite], seconds: float, *, quiet: bool
) -> Iterator[str]:
    """The lines to print."""
    places = {(each.suite.namespace, each.suite.id): each for each in found if each.suite is not None}
    for suite in results:
        if quiet and suite.state in (Verdict.SUCCESS, Verdict.SKIPPED):
            continue
        place = places.get((suite.namespace, suite.test_suite_id))
        file = "" if place is None else f"  {click.style(place.file, dim=True)}"
        yield f"{click.style(f'{suite.namespace}.{suite.test_suite_id}', bold=True)}{file}"
        for case in suite.results:
            if not quiet or case.state in (Verdict.FAILED, Verdict.ERROR):
                yield from _case(case)
        if suite.coverage is not None and not quiet:
            yield f"  {_coverage(suite)}"
        yield ""
    for mistake in (mistake for each in found for mistake in each.mistakes):
        yield from _mistake(mistake)
        yield ""
    yield _last_line(results, found, seconds)


def _case(case: CaseResult) -> Iterator[str]:
    mark, color = _MARKS[case.state]
    about = ""
    if case.state is Verdict.SUCCESS:
        about = click.style(f"  {_count(len(case.assertion_results), 'assertion')}", dim=True)
    elif case.state is Verdict.SKIPPED:
        about = click.style("  disabled", dim=True)
    elif case.execution_state is not None:
        about = click.style(f"  the execution ended as {case.execution_state}", dim=True)
    yield f"  {click.style(mark, fg=color)} {case.test_id}{about}"
    for problem in case.errors:
        yield from _indented(problem.message, 6)
        if problem.details and problem.details != problem.message:
            yield from _indented(problem.details.removeprefix(problem.message).lstrip("\n"), 8)
    for result in case.assertion_results:
        if not result.is_success:
            yield from _failure(result)
    if case.state in (Verdict.FAILED, Verdict.ERROR):
        for line in case.log:
            yield from _indented(f"log: {line.level} {line.task_id or 'the execution'}: {line.message}", 6)


def _failure(result: AssertionResult) -> Iterator[str]:
    yield from _indented(f"line {result.line}: {result.value} {result.operator}", 6)
    if result.error_message or result.description:
        yield from _indented(result.error_message or result.description or "", 8)
    yield from _indented(f"expected: {_shown(result.expected)}", 8)
    yield from _indented(f"actual:   {_shown(result.actual)}", 8)


def _coverage(suite: SuiteResult) -> str:
    coverage = suite.coverage
    assert coverage is not None
    reached = len(coverage.run) + len(coverage.mocked)
    text = f"reached {reached} of {_count(coverage.tasks, 'task')}"
    if coverage.mocked:
        text += f"; only with fixtures: {', '.join(coverage.mocked)}"
    if coverage.missed:
        text += f"; not reached: {', '.join(coverage.missed)}"
    return click.style(text, dim=True)


def _mistake(mistake: Mistake) -> Iterator[str]:
    path = f"{mistake.path}: " if mistake.path else ""
    kind = click.style("error", fg="red", bold=True)
    yield f"{mistake.file}:{mistake.line}:{mistake.column}: {kind}: {path}{mistake.message}"
    if mistake.frame:
        yield from _indented(mistake.frame, 2)
    if mistake.hint:
        yield f"  fix: {mistake.hint}"


def _last_line(results: Sequence[SuiteResult], found: Sequence[FoundSuite], seconds: float) -> str:
    if not found:
        return "no test suites found: a suite is a YAML file with `testCases:`"
    states = _states(results)
    parts = [f"{states.count(Verdict.SUCCESS)} passed"]
    for verdict, word in (
        (Verdict.FAILED, "failed"),
        (Verdict.ERROR, "with errors"),
        (Verdict.SKIPPED, "skipped"),
    ):
        if verdict in states:
            parts.append(f"{states.count(verdict)} {word}")
    wrong = sum(bool(each.mistakes) for each in found)
    if wrong:
        parts.append(f"{_count(wrong, 'suite')} not run")
    suites, tests = _count(len(results), "suite"), _count(len(states), "test")
    return f"{suites}, {tests}: {', '.join(parts)} in {seconds:.2f} s"


def _states(results: Sequence[SuiteResult]) -> list[Verdict]:
    return [case.state for suite in results for case in suite.results]


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"


def _indented(text: str, by: int) -> Iterator[str]:
    return (f"{' ' * by}{line}" for line in text.splitlines())


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"

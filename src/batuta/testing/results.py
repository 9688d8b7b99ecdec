"""What is told of tests once they have run: verdicts, what was reached, what was logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from batuta import ids
from batuta.model.flow import Flow
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.testing.fixtures import Mocking
from batuta.testing.judging import Judgement
from batuta.testing.rehearsal import Rehearsal
from batuta.testing.report import CaseResult, Coverage, LogEntry, Problem, SuiteResult, Verdict, folded
from batuta.testing.stage import START
from batuta.testing.suite import UNIT_TEST, Case, Suite

MOST_ENTRIES = 20
"""Most warnings and errors of an execution that a result repeats."""


def suite_result(suite: Suite, flow: Flow, results: Sequence[CaseResult]) -> SuiteResult:
    """The results of a suite's tests together. Its times are those of the clocks of its tests."""
    starts = (each.fixtures.now or suite.fixtures.now or START for each in suite.cases)
    begun = min(starts, default=START)
    took = sum(each.duration for each in results)
    return SuiteResult(
        id=ids.derived_id("test-run", suite.namespace, suite.id),
        test_suite_id=suite.id,
        namespace=suite.namespace,
        flow_id=suite.flow_id,
        start_date=begun,
        end_date=begun + timedelta(seconds=took),
        state=folded(each.state for each in results),
        results=tuple(results),
        coverage=coverage_of(flow, results),
    )


def unfit(namespace: str, suite_id: str, document: Mapping[str, Any], wrong: Sequence[str]) -> SuiteResult:
    """The result of a suite that cannot be run: an error for each of its tests."""
    problems = tuple(Problem(each) for each in wrong)
    flow_id = str(document.get("flowId"))
    written = document.get("testCases")
    names = (
        [each.get("id") for each in written if isinstance(each, dict)] if isinstance(written, list) else []
    )
    return SuiteResult(
        id=ids.derived_id("test-run", namespace, suite_id),
        test_suite_id=suite_id,
        namespace=namespace,
        flow_id=flow_id,
        start_date=START,
        end_date=START,
        state=Verdict.ERROR,
        results=tuple(
            CaseResult(
                id=f"{suite_id}-{name}",
                test_id=str(name),
                test_type=UNIT_TEST,
                namespace=namespace,
                flow_id=flow_id,
                state=Verdict.ERROR,
                errors=problems,
            )
            for name in names
        ),
    )


def verdict_of(judgement: Judgement | None, problems: Sequence[Problem]) -> Verdict:
    """How a test ended: with any problem it is an ERROR, whatever its assertions say."""
    if problems or judgement is None:
        return Verdict.ERROR
    return Verdict.SUCCESS if all(each.is_success for each in judgement.results) else Verdict.FAILED


def case_result(
    suite: Suite,
    case: Case,
    *,
    state: Verdict,
    rehearsal: Rehearsal | None = None,
    judgement: Judgement | None = None,
    problems: Sequence[Problem] = (),
    base_url: str | None = None,
) -> CaseResult:
    """What is told of one test; of one that has not run, that it was left out."""
    result = CaseResult(
        id=f"{suite.id}-{case.id}",
        test_id=case.id,
        test_type=case.type,
        namespace=suite.namespace,
        flow_id=suite.flow_id,
        state=state,
        assertion_results=() if judgement is None else tuple(judgement.results),
        errors=tuple(problems),
        fixtures=case.written or None,
        line=case.line,
    )
    if rehearsal is None or rehearsal.id not in rehearsal.ledgers:
        return result
    ledger = rehearsal.ledgers[rehearsal.id]
    execution, mocking = ledger.execution, rehearsal.mocking
    reached = _reached(rehearsal)
    path = f"ui/main/executions/{execution.namespace}/{execution.flow_id}/{execution.id}"
    return msgspec.structs.replace(
        result,
        execution_id=execution.id,
        url=f"{base_url}/{path}" if base_url else None,
        execution_state=execution.state.current.value,
        log=_serious(rehearsal),
        duration=round(rehearsal.surroundings.clock.monotonic(), 3),
        run_tasks=tuple(each for each in reached if _was_run(each, mocking)),
        mocked_tasks=tuple(mocking.used),
    )


def _was_run(task_id: str, mocking: Mocking) -> bool:
    """The task was run for real: neither did a fixture stand in for it always, nor was it held back."""
    if any(each.task_id == task_id for each in mocking.needed):
        return False
    return task_id not in mocking.used or task_id in mocking.ran


def _reached(rehearsal: Rehearsal) -> list[str]:
    """Tasks of the tested flow that have run, in order; those whose condition did not hold are left out."""
    seen: dict[str, None] = {}
    for ledger in rehearsal.tested():
        for run in ledger.runs.values():
            if run.state.current not in (State.SKIPPED, State.CREATED):
                seen[run.task_id] = None
    return list(seen)


def _serious(rehearsal: Rehearsal) -> tuple[LogEntry, ...]:
    lines = rehearsal.surroundings.logs.lines
    serious = [line for line in lines if line.level.severity >= LogLevel.WARN.severity]
    return tuple(LogEntry(line.level.value, line.task_id, line.message) for line in serious[-MOST_ENTRIES:])


def coverage_of(flow: Flow, results: Sequence[CaseResult]) -> Coverage:
    """Which tasks of a flow some tests have reached; disabled tasks do not count."""
    tasks = [task.id for task in flow.walk() if not task.disabled]
    run = {task for result in results for task in result.run_tasks}
    mocked = {task for result in results for task in result.mocked_tasks} - run
    return Coverage(
        tasks=len(tasks),
        run=tuple(task for task in tasks if task in run),
        mocked=tuple(task for task in tasks if task in mocked),
        missed=tuple(task for task in tasks if task not in run and task not in mocked),
    )

"""Suites to results: each test in surroundings of its own, one after the other on a clock that jumps."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from batuta import expr, ids
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.errors import BatutaError
from batuta.model.execution import ExecutionTrigger
from batuta.model.flow import Flow
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.testing.fixtures import Mocking, with_leaves
from batuta.testing.guard import Reach
from batuta.testing.judging import Judgement
from batuta.testing.library import Library
from batuta.testing.rehearsal import Rehearsal
from batuta.testing.report import CaseResult, Coverage, LogEntry, Problem, SuiteResult, Verdict, folded
from batuta.testing.stage import START
from batuta.testing.suite import UNIT_TEST, Case, Suite
from batuta.testing.surroundings import Surroundings
from batuta.testing.virtual_time import VirtualTimeLoop
from batuta.worker.attempt import Forms
from batuta.worker.warden import Warden

MOST_SECONDS = 60.0
"""Seconds of real time that one test may take."""
MOST_ENTRIES = 20
"""Most warnings and errors of an execution that a result repeats."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What tests may do."""

    allowed: frozenset[Reach] = frozenset()
    most_seconds: float = MOST_SECONDS
    base_url: str | None = None
    """Address of the server that shows the executions; None where there is none."""


class Theatre:
    """Runs tests. Made by `theatre`, which opens and closes what all of them share."""

    def __init__(self, runner: asyncio.Runner, folder: Path, warden: Warden, rules: Rules) -> None:
        self._runner = runner
        self._folder = folder
        self._warden = warden
        self._rules = rules
        self._forms = Forms()

    def suite(
        self, suite: Suite, library: Library, wanted: Callable[[Case], bool] = lambda case: True
    ) -> SuiteResult:
        """Run the tests of a suite; those that are not wanted leave no result."""
        flow = library.flows[suite.flow_key]
        return suite_result(
            suite, flow, [self.case(suite, case, library) for case in suite.cases if wanted(case)]
        )

    def case(self, suite: Suite, case: Case, library: Library) -> CaseResult:
        """Run one test."""
        if suite.disabled or case.disabled:
            return _result(suite, case, state=Verdict.SKIPPED)
        return self._runner.run(self._case(suite, case, library))

    def rehearse(
        self, flow: Flow, library: Library, case: Case, look: Callable[[Rehearsal, Ledger], Any]
    ) -> Any:
        """Run a flow as a test does, and give what `look` makes of the end."""

        async def perform() -> Any:
            rehearsal = self._rehearsal(flow, library, case, flow.id)
            ledger = await _perform(rehearsal, case)
            return look(rehearsal, ledger)

        return self._runner.run(perform())

    def _rehearsal(self, flow: Flow, library: Library, case: Case, seed: str) -> Rehearsal:
        fixtures = case.fixtures
        mocking = Mocking(fixtures, self._rules.allowed)
        surroundings = Surroundings(
            flow,
            library,
            fixtures,
            mocking,
            start=fixtures.now or START,
            folder=self._folder,
            warden=self._warden,
            forms=self._forms,
        )
        return Rehearsal(
            with_leaves(flow, fixtures),
            surroundings,
            mocking,
            seed=seed,
            most_seconds=self._rules.most_seconds,
        )

    async def _case(self, suite: Suite, case: Case, library: Library) -> CaseResult:
        case = msgspec.structs.replace(case, fixtures=case.fixtures.over(suite.fixtures))
        flow = library.flows[suite.flow_key]
        rehearsal = self._rehearsal(flow, library, case, f"{suite.flow_key}/{suite.id}/{case.id}")
        problems: list[Problem] = []
        judgement: Judgement | None = None
        try:
            ledger = await _perform(rehearsal, case)
        except BatutaError as error:
            problems.append(Problem(error.what, str(error)))
        except Exception as error:
            # The border to the engine and to code of plugins: one test that breaks leaves the others alone.
            problems.append(Problem(f"{type(error).__name__}: {error}"))
        else:
            judgement = _judgement(rehearsal, ledger)
            for assertion in case.assertions:
                await judgement.judge(assertion)
            problems += judgement.problems
        needed = rehearsal.mocking.needed
        problems = [*(Problem(each.message, f"fix: {each.mend}") for each in needed), *problems]
        return _result(
            suite,
            case,
            state=_verdict(judgement, problems),
            rehearsal=rehearsal,
            judgement=judgement,
            problems=problems,
            base_url=self._rules.base_url,
        )


@contextmanager
def theatre(rules: Rules | None = None) -> Iterator[Theatre]:
    """A place to run tests in; its temporary folder and its processes are gone at the end."""
    warden = Warden()
    with (
        tempfile.TemporaryDirectory(prefix="batuta-test-", ignore_cleanup_errors=True) as folder,
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        try:
            yield Theatre(runner, Path(folder), warden, rules or Rules())
        finally:
            warden.close()


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


async def _perform(rehearsal: Rehearsal, case: Case) -> Ledger:
    surroundings, fixtures = rehearsal.surroundings, case.fixtures
    await surroundings.furnish(rehearsal.id)
    trigger = fixtures.trigger
    started_by = None
    if trigger is not None:
        variables = await surroundings.rendered(trigger.variables)
        started_by = ExecutionTrigger(trigger.id, trigger.type, variables)
    await rehearsal.begin(await surroundings.rendered(fixtures.inputs), started_by)
    return await rehearsal.to_the_end()


def _judgement(rehearsal: Rehearsal, ledger: Ledger) -> Judgement:
    surroundings = rehearsal.surroundings
    extra = {"files": surroundings.files}

    def names(task_id: str | None) -> Names:
        runs = [run for run in ledger.runs.values() if run.task_id == task_id]
        return Names(ledger, rehearsal.world, runs[-1] if runs else None, extra)

    async def render(make: Callable[[expr.Facts], Any]) -> Any:
        facts = expr.Facts()
        while True:
            try:
                return make(facts)
            except expr.MissingFact as missing:
                facts = await surroundings.lookups.answer(
                    missing.fact, facts, namespace=ledger.execution.namespace, execution=ledger.execution
                )

    return Judgement(names, rehearsal.world.options(surroundings.clock.now()), render)


def _verdict(judgement: Judgement | None, problems: Sequence[Problem]) -> Verdict:
    if problems or judgement is None:
        return Verdict.ERROR
    return Verdict.SUCCESS if all(each.is_success for each in judgement.results) else Verdict.FAILED


def _result(
    suite: Suite,
    case: Case,
    *,
    state: Verdict,
    rehearsal: Rehearsal | None = None,
    judgement: Judgement | None = None,
    problems: Sequence[Problem] = (),
    base_url: str | None = None,
) -> CaseResult:
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

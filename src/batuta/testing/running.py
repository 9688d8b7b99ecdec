"""Suites to results: each test in surroundings of its own, one after the other on a clock that jumps."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from batuta import expr
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.errors import BatutaError
from batuta.model.execution import ExecutionTrigger
from batuta.model.flow import Flow
from batuta.testing.fixtures import Mocking, with_leaves
from batuta.testing.guard import Reach
from batuta.testing.judging import Judgement
from batuta.testing.library import Library
from batuta.testing.rehearsal import Rehearsal
from batuta.testing.report import CaseResult, Problem, SuiteResult, Verdict
from batuta.testing.results import case_result, suite_result, verdict_of
from batuta.testing.stage import START
from batuta.testing.suite import Case, Suite
from batuta.testing.surroundings import Surroundings
from batuta.testing.virtual_time import VirtualTimeLoop
from batuta.worker.attempt import Forms
from batuta.worker.warden import Warden

MOST_SECONDS = 60.0
"""Seconds of real time that one test may take."""


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
            return case_result(suite, case, state=Verdict.SKIPPED)
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
        return case_result(
            suite,
            case,
            state=verdict_of(judgement, problems),
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

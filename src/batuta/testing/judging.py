"""Assertions held against an execution that has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from batuta import expr
from batuta.engine.context import Names
from batuta.expr import printing
from batuta.plugin.outputs import plain
from batuta.testing.operators import ASKS_FOR_NULL, Actual, Operator, Unfit, holds
from batuta.testing.report import AssertionResult, Problem
from batuta.testing.suite import Assertion

Render = Callable[[Callable[[expr.Facts], Any]], Awaitable[Any]]
"""Calls a function until no outside value is missing any more."""


class Judgement:
    """What came of the assertions of one test. Attributes: `results`, `problems`."""

    def __init__(self, names: Callable[[str | None], Names], options: expr.Options, render: Render) -> None:
        self.results: list[AssertionResult] = []
        self.problems: list[Problem] = []
        self._names = names
        self._options = options
        self._render = render

    async def judge(self, assertion: Assertion) -> None:
        """Look at one assertion: a result for each of its operators, or why there is none."""
        names = self._names(assertion.task_id)
        lenient = all(operator in ASKS_FOR_NULL for operator, _ in assertion.expected)
        try:
            actual = await self._actual(assertion.value, names, lenient=lenient)
        except expr.ExpressionError as error:
            self._cannot(assertion, error)
            return
        for operator, expected in assertion.expected:
            try:
                wanted = await self._value(expected, names)
                success = holds(operator, actual, wanted)
            except (expr.ExpressionError, Unfit) as error:
                self._cannot(assertion, error)
                continue
            self.results.append(_result(assertion, operator, wanted, actual, success))

    def _cannot(self, assertion: Assertion, error: expr.ExpressionError | Unfit) -> None:
        message = f"the assertion on `{_shown(assertion.value)}` cannot be looked at: {error.what}"
        self.problems.append(Problem(message, f"line {assertion.line}\n{error}"))

    async def _actual(self, written: Any, names: Names, *, lenient: bool) -> Actual:
        try:
            value = await self._value(written, names)
        except expr.UndefinedError:
            if lenient:
                return Actual(None, None)
            raise
        if value is None:
            return Actual(None, None)
        if isinstance(written, str):
            text = await self._render(lambda facts: expr.render(written, names, facts, self._options))
            return Actual(plain(value), text)
        return Actual(value, printing.text(value))

    async def _value(self, written: Any, names: Names) -> Any:
        """A value of the suite with every template in it evaluated."""
        if isinstance(written, dict):
            return {key: await self._value(item, names) for key, item in written.items()}
        if isinstance(written, list):
            return [await self._value(item, names) for item in written]
        if not isinstance(written, str) or not expr.is_template(written):
            return written
        return plain(await self._render(lambda facts: expr.evaluate(written, names, facts, self._options)))


def _shown(written: Any) -> str:
    return (written if isinstance(written, str) else printing.text(written)).strip()


def _result(
    assertion: Assertion, operator: Operator, expected: Any, actual: Actual, success: bool
) -> AssertionResult:
    shown = actual.value if isinstance(actual.value, list | dict) else actual.text
    return AssertionResult(
        value=_shown(assertion.value),
        operator=operator.value,
        expected=expected,
        actual=shown,
        is_success=success,
        task_id=assertion.task_id,
        description=assertion.description,
        error_message=assertion.error_message,
        line=assertion.line,
    )

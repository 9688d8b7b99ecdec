"""YAML text to a `Suite`, or to everything that is wrong with it, each with its place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from batuta import expr, iso8601
from batuta.errors import BatutaError
from batuta.flows.document import Document, Path
from batuta.flows.documents import Kind, read_document
from batuta.flows.findings import Findings, Violation
from batuta.flows.parser import ID, NAMESPACE
from batuta.flows.reader import ReadLimits
from batuta.flows.section import Section, scalar_text, shown
from batuta.model.state import State
from batuta.testing.operators import TAKES_FLAG, TAKES_LIST, Operator
from batuta.testing.suite import (
    OLD_UNIT_TEST,
    UNIT_TEST,
    Assertion,
    AttemptFixture,
    Case,
    Fixtures,
    Suite,
    TaskFixture,
    TriggerFixture,
)

_OWNER = "io.kestra.core.tests.flow.TestSuite"
_SUITE = frozenset({"id", "namespace", "flowId", "description", "disabled", "testCases", "fixtures"})
SUITE = Kind("test suite", "`id:`, `namespace:`, `flowId:` and `testCases:`")
_KEPT_BY_SERVERS = frozenset({"tenantId", "source", "updated", "created", "deleted"})
"""Properties of a suite that a server adds when it is asked for one; they say nothing about the tests."""
_CASE = frozenset({"id", "type", "description", "disabled", "fixtures", "assertions"})
_FIXTURES = frozenset(
    {"inputs", "tasks", "trigger", "files", "namespaceFiles", "kv", "secrets", "envs", "globals", "now"}
)
_TASK = frozenset({"id", "value", "state", "outputs", "description", "assets", "duration", "attempts"})
_ATTEMPT = frozenset({"state", "outputs", "duration"})
_TRIGGER = frozenset({"id", "type", "variables"})
_ASSERTION = frozenset({"value", "taskId", "errorMessage", "description", *(each.value for each in Operator)})

ENDS = (State.SUCCESS, State.WARNING, State.FAILED, State.SKIPPED, State.KILLED)
"""States in which a task that is not run may end."""


class InvalidSuite(BatutaError):
    """A test suite cannot be run. Attributes: `violations`, all that is wrong with it."""

    code = "test.invalid-suite"

    def __init__(self, found: tuple[Violation, ...]) -> None:
        self.violations = found
        first = found[0]
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        where = f"{first.path or 'the test suite'} (line {first.line}, column {first.column}){more}"
        super().__init__(first.message, where=where, mend=first.hint)


class SuiteReading(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading a document."""

    source: str
    document: Document
    suite: Suite | None = None
    """None when there are violations."""
    violations: tuple[Violation, ...] = ()


def parse_suite(source: str) -> Suite:
    """Read one suite.

    Raises:
        InvalidSuite: something is wrong with it.
    """
    reading = read_suite(source)
    if reading.suite is None:
        raise InvalidSuite(reading.violations)
    return reading.suite


def read_suite(source: str, *, first_line: int = 1, limits: ReadLimits | None = None) -> SuiteReading:
    """Read one suite. Never raises for a mistake of its author.

    `first_line` is the number of the text's first line in its file: results tell lines of the file,
    violations those of the text.
    """
    reading = read_document(
        source, SUITE, lambda section: _Reader(section.found, first_line).suite(section), limits
    )
    return SuiteReading(
        source=source, document=reading.document, suite=reading.result, violations=reading.violations
    )


def fixtures_of(data: dict[str, Any]) -> tuple[Fixtures, Findings]:
    """Fixtures from plain data, with everything that is wrong with them; the data stands under `fixtures`."""
    document = Document("")
    document.data = {"fixtures": data}
    found = Findings(document)
    section = Section(found, (), document.data).section("fixtures")
    return _Reader(found, 1).fixtures(section) if section else Fixtures(), found


class _Reader:
    """Reads the sections of one document."""

    def __init__(self, found: Findings, first_line: int) -> None:
        self._found = found
        self._first_line = first_line

    def suite(self, section: Section) -> Suite:
        section.refuse_unknown(_SUITE | _KEPT_BY_SERVERS, _OWNER)
        if not section.items("testCases") and isinstance(section.data.get("testCases"), list | None):
            section.wrong("testCases", "must not be empty", hint="add a test case: `- id: ...`")
        shared = section.section("fixtures")
        suite = Suite(
            id=section.text("id", required=True, pattern=ID) or "",
            namespace=section.text("namespace", required=True, pattern=NAMESPACE) or "",
            flow_id=section.text("flowId", required=True, pattern=ID) or "",
            description=section.text("description"),
            disabled=section.flag("disabled"),
            fixtures=self.fixtures(shared) if shared else Fixtures(),
            cases=tuple(self._case(each) for each in section.sections("testCases")),
            source=self._found.document.source,
        )
        self._refuse_twice(section, suite)
        return suite

    def _refuse_twice(self, section: Section, suite: Suite) -> None:
        seen: set[str] = set()
        for index, case in enumerate(suite.cases):
            if case.id in seen:
                message = f"Duplicate test case id: {case.id}"
                self._found.wrong((*section.at("testCases"), index, "id"), message, hint="rename one of them")
            seen.add(case.id)

    def _case(self, section: Section) -> Case:
        section.refuse_unknown(_CASE, UNIT_TEST)
        kind = section.text("type", required=True)
        if kind is not None and kind not in (UNIT_TEST, OLD_UNIT_TEST):
            section.wrong("type", f"Invalid type: {kind}", hint=f"write `type: {UNIT_TEST}`")
        fixtures = section.section("fixtures")
        if section.data.get("assertions") is None:
            section.wrong("assertions", "must not be null", hint="say what must be true: add `assertions:`")
        return Case(
            id=section.text("id", required=True, pattern=ID) or "",
            type=kind or UNIT_TEST,
            description=section.text("description"),
            disabled=section.flag("disabled"),
            fixtures=self.fixtures(fixtures) if fixtures else Fixtures(),
            assertions=tuple(self._assertion(each) for each in section.sections("assertions")),
            written=_without_secrets(section.mapping("fixtures")),
            line=self._line(section.path),
        )

    # Fixtures

    def fixtures(self, section: Section) -> Fixtures:
        section.refuse_unknown(_FIXTURES, "io.kestra.core.tests.flow.Fixtures")
        trigger = section.section("trigger")
        for name in ("inputs", "files", "globals"):
            self._check_templates(section.mapping(name), section.at(name))
        fixtures = Fixtures(
            inputs=section.mapping("inputs"),
            tasks=tuple(self._task(each) for each in section.sections("tasks")),
            trigger=self._trigger(trigger) if trigger else None,
            files=self._texts(section, "files"),
            namespace_files=self._texts(section, "namespaceFiles"),
            kv=section.mapping("kv"),
            secrets=self._texts(section, "secrets"),
            envs=self._texts(section, "envs"),
            globals=section.mapping("globals"),
        )
        self._refuse_fixtures_twice(section, fixtures)
        written = section.text("now")
        if written is None:
            return fixtures
        try:
            return msgspec.structs.replace(fixtures, now=iso8601.parse_instant(written))
        except ValueError:
            section.wrong(
                "now", f"`{written}` is not an instant", hint="write it like 2026-02-28T06:00:00Z, in quotes"
            )
            return fixtures

    def _refuse_fixtures_twice(self, section: Section, fixtures: Fixtures) -> None:
        seen: set[tuple[str, str | None]] = set()
        for index, task in enumerate(fixtures.tasks):
            if (task.id, task.value) in seen:
                of = f" and the value `{task.value}`" if task.value is not None else ""
                message = f"the task `{task.id}`{of} has two fixtures"
                hint = "keep one; `attempts:` says how its attempts differ"
                self._found.wrong((*section.at("tasks"), index), message, hint=hint)
            seen.add((task.id, task.value))

    def _task(self, section: Section) -> TaskFixture:
        section.refuse_unknown(_TASK, "io.kestra.core.tests.flow.TaskFixture")
        if section.has("attempts"):
            for name in ("state", "outputs", "duration"):
                if section.has(name):
                    section.wrong(name, "stands beside `attempts`", hint="move it into each attempt")
            attempts = tuple(self._attempt(each, _ATTEMPT) for each in section.sections("attempts"))
        else:
            attempts = (self._attempt(section),)
        if not attempts:
            section.wrong("attempts", "must not be empty", hint="leave it out for a task that succeeds")
        return TaskFixture(
            id=section.text("id", required=True) or "",
            value=section.text("value"),
            description=section.text("description"),
            attempts=attempts or (AttemptFixture(),),
            assets=section.data.get("assets"),
            line=self._line(section.path),
        )

    def _attempt(self, section: Section, known: frozenset[str] | None = None) -> AttemptFixture:
        if known is not None:
            section.refuse_unknown(known, "AttemptFixture")
        outputs = section.mapping("outputs")
        self._check_templates(outputs, section.at("outputs"))
        state = section.choice("state", State) or State.SUCCESS
        if state not in ENDS:
            words = ", ".join(ENDS)
            section.wrong("state", f"a task does not end as {state}", hint=f"write one of {words}")
        return AttemptFixture(
            state=state, outputs=outputs, duration=section.timedelta("duration") or timedelta(0)
        )

    def _trigger(self, section: Section) -> TriggerFixture:
        section.refuse_unknown(_TRIGGER, "io.kestra.core.tests.flow.TriggerFixture")
        self._check_templates(section.mapping("variables"), section.at("variables"))
        return TriggerFixture(
            id=section.text("id", required=True) or "",
            type=section.text("type", required=True) or "",
            variables=section.mapping("variables"),
        )

    def _texts(self, section: Section, name: str) -> dict[str, str]:
        """A map of texts; other scalars are taken as such."""
        found = {}
        for key, value in section.mapping(name).items():
            if isinstance(value, dict | list):
                message = f"Illegal test suite yaml: `{key}` must be text, but is {shown(value)}"
                self._found.wrong((*section.at(name), key), message, hint="write its content below `|`")
            else:
                found[key] = "" if value is None else scalar_text(value)
        return found

    # Assertions

    def _assertion(self, section: Section) -> Assertion:
        section.refuse_unknown(_ASSERTION, "io.kestra.core.tests.flow.Assertion")
        if "value" not in section.data:
            section.wrong(
                "value", "must not be null", hint='name what to look at: `value: "{{ outputs... }}"`'
            )
        asked = [each for each in Operator if each.value in section.data]
        if not asked:
            operators = ", ".join(Operator)
            self._found.wrong(
                section.path, "an assertion without an operator", hint=f"add one of {operators}"
            )
        for name in ("value", *asked):
            self._check_templates(section.data.get(name), section.at(name))
        for operator in asked:
            self._check_expected(section, operator)
        # In the order in which they are written, so that results stand in the author's order.
        return Assertion(
            value=section.data.get("value"),
            expected=tuple((Operator(name), section.data[name]) for name in section.data if name in asked),
            task_id=section.text("taskId"),
            description=section.text("description"),
            error_message=section.text("errorMessage"),
            line=self._line(section.path),
        )

    def _check_expected(self, section: Section, operator: Operator) -> None:
        expected = section.data[operator.value]
        if isinstance(expected, str) and expr.is_template(expected):
            return
        if operator in TAKES_LIST and not isinstance(expected, list):
            section.wrong(operator.value, f"`{operator}` takes a list", hint="write `[first, second]`")
        if operator in TAKES_FLAG and str(expected).strip().lower() not in ("true", "false"):
            section.wrong(
                operator.value, f"`{operator}` takes true or false", hint=f"write `{operator}: true`"
            )

    def _check_templates(self, value: Any, path: Path) -> None:
        """Note every template that does not parse."""
        if isinstance(value, dict):
            for key, item in value.items():
                self._check_templates(item, (*path, key))
        elif isinstance(value, list):
            for place, item in enumerate(value):
                self._check_templates(item, (*path, place))
        elif isinstance(value, str) and expr.is_template(value):
            try:
                expr.compile(value)
            except expr.ExpressionError as error:
                self._found.wrong(path, error.what, hint=error.mend, code=error.code)

    def _line(self, path: Path) -> int:
        return self._found.document.value_at(path).line + self._first_line - 1


def _without_secrets(fixtures: dict[str, Any]) -> dict[str, Any]:
    secrets = fixtures.get("secrets")
    if not isinstance(secrets, dict):
        return fixtures
    return {**fixtures, "secrets": dict.fromkeys(secrets, "******")}
